// Package retry calls again what a server could not answer just now.
package retry

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	tryTimeout   = 5 * time.Second
)

// Call calls until there is an answer, an error that another try would not mend, or too little time
// left for one. It waits longer each time, and never less than RetryInfo asks for. A try that got no
// answer may have had its effect: call only what may be done twice.
func Call[Answer any](ctx context.Context, try func(context.Context) (Answer, error)) (Answer, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		tryCtx, cancel := context.WithTimeout(ctx, tryTimeout)
		answer, err := try(tryCtx)
		cancel()
		if err == nil || !isTransient(err) {
			return answer, err
		}
		wait := Pause(pause, err)
		if ends, limited := ctx.Deadline(); limited && time.Until(ends) < wait {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(wait):
		}
	}
}

// Pause says how long to wait after an error: between half and all of a pause, by chance, so that many
// clients don't come back at once, or as long as the server asks for.
func Pause(pause time.Duration, err error) time.Duration {
	wait := pause/2 + rand.N(pause/2)
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			wait = max(wait, info.GetRetryDelay().AsDuration())
		}
	}
	return wait
}

func isTransient(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded:
		return true
	}
	return false
}

package verifier

import (
	"context"
	"io"
	"log/slog"
	"time"

	authnv1 "example.com/authsvc/gen/authn/v1"
	"example.com/authsvc/retry"
	"google.golang.org/grpc"
)

const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

func (v *Verifier) followRevocations(ctx context.Context) {
	watch[authnv1.WatchRevocationsResponse]{
		name:     "revocations",
		patience: revocationsPatience,
		open: func(ctx context.Context) (grpc.ServerStreamingClient[authnv1.WatchRevocationsResponse], error) {
			request := &authnv1.WatchRevocationsRequest{AfterRevision: v.feed.begin()}
			return v.server.WatchRevocations(v.proving(ctx), request)
		},
		take: func(piece *authnv1.WatchRevocationsResponse) error {
			return v.feed.take(piece, rightNow(), v.options.Leeway)
		},
	}.follow(ctx)
}

func (v *Verifier) followKeys(ctx context.Context) {
	watch[authnv1.WatchKeysResponse]{
		name:     "keys",
		patience: keysPatience,
		open: func(ctx context.Context) (grpc.ServerStreamingClient[authnv1.WatchKeysResponse], error) {
			return v.server.WatchKeys(v.proving(ctx), &authnv1.WatchKeysRequest{})
		},
		take: func(answer *authnv1.WatchKeysResponse) error {
			v.takeKeys(answer.GetKeys())
			return nil
		},
	}.follow(ctx)
}

// watch keeps a stream open, and opens it again whenever it breaks.
type watch[Message any] struct {
	name     string
	patience time.Duration // after so long without a message the call counts as dead
	open     func(context.Context) (grpc.ServerStreamingClient[Message], error)
	take     func(*Message) error // after an error the call is begun anew
}

func (w watch[Message]) follow(ctx context.Context) {
	pause := firstPause
	for {
		received, err := w.read(ctx)
		if ctx.Err() != nil {
			return
		}
		slog.Warn("a stream broke", "stream", w.name, "cause", err)
		pause = min(2*pause, longestPause)
		if received {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry.Pause(pause, err)):
		}
	}
}

// read reads until the stream breaks, and says whether it gave anything of use.
func (w watch[Message]) read(ctx context.Context) (received bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watchdog := time.AfterFunc(w.patience, cancel)
	defer watchdog.Stop()
	stream, err := w.open(ctx)
	for err == nil {
		var message *Message
		if message, err = stream.Recv(); err != nil {
			break
		}
		watchdog.Reset(w.patience)
		if err = w.take(message); err != nil {
			return false, err // waits longer each time, however much it gets
		}
		received = true
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return received, err
}

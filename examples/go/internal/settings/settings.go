// Package settings reads from the environment where authsvc is and whose tokens are believed.
package settings

import (
	"context"
	"os"
	"time"

	"example.com/authsvc/verifier"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

// Connect opens a connection to AUTHSVC_ADDRESS, encrypted if AUTHSVC_CACERT names the certificate of
// who vouches for it. A dead connection is noticed, and a new one tried, well within the staleness that
// is allowed.
func Connect() (*grpc.ClientConn, error) {
	security := insecure.NewCredentials() // which suits loopback only
	if file := os.Getenv("AUTHSVC_CACERT"); file != "" {
		var err error
		if security, err = credentials.NewClientTLSFromFile(file, ""); err != nil {
			return nil, err
		}
	}
	backOff := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second}
	return grpc.NewClient(
		or("AUTHSVC_ADDRESS", "127.0.0.1:50051"),
		grpc.WithTransportCredentials(security),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backOff, MinConnectTimeout: time.Second}),
	)
}

// Options say what AUTHSVC_ISSUER, AUTHSVC_AUDIENCE, AUTHSVC_API_KEY and AUTHSVC_MAX_STALENESS do; without
// them they are those of `authsvc up`.
func Options() (verifier.Options, error) {
	staleness, err := time.ParseDuration(or("AUTHSVC_MAX_STALENESS", "10s"))
	return verifier.Options{
		Issuer:       or("AUTHSVC_ISSUER", "https://authsvc.localhost"),
		Audience:     or("AUTHSVC_AUDIENCE", "authsvc"),
		APIKey:       os.Getenv("AUTHSVC_API_KEY"),
		MaxStaleness: staleness,
	}, err
}

// Proving adds the proof of which service calls, if AUTHSVC_API_KEY holds one.
func Proving(ctx context.Context) context.Context {
	if key := os.Getenv("AUTHSVC_API_KEY"); key != "" {
		return metadata.AppendToOutgoingContext(ctx, "x-authsvc-api-key", key)
	}
	return ctx
}

func or(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

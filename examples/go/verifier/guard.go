package verifier

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"time"

	authnv1 "example.com/authsvc/gen/authn/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Guard lets calls into a server by the access token in `authorization: Bearer …`.
type Guard struct {
	Verifier *Verifier
	Scopes   map[string][]string // that methods require, by full name, as in /orders.v1.OrderService/ListOrders
	Public   []string            // the full names of methods that need no token
}

type claimsKey struct{}

// ClaimsFrom gives what the token of the call says; nil if the method is public.
func ClaimsFrom(ctx context.Context) *authnv1.TokenClaims {
	claims, _ := ctx.Value(claimsKey{}).(*authnv1.TokenClaims)
	return claims
}

// Unary is for calls that have one request and one answer.
func (g *Guard) Unary(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
) (any, error) {
	ctx, err := g.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return handle(ctx, request)
}

// Stream is for all other calls.
func (g *Guard) Stream(
	server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler,
) error {
	ctx, err := g.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return handle(server, &admittedStream{stream, ctx})
}

type admittedStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *admittedStream) Context() context.Context { return s.ctx }

func (g *Guard) admit(ctx context.Context, method string) (context.Context, error) {
	for _, public := range g.Public {
		if method == public {
			return ctx, nil
		}
	}
	token := bearerToken(metadata.ValueFromIncomingContext(ctx, "authorization"))
	claims, err := g.Verifier.Verify(ctx, token, certificateOf(ctx), g.Scopes[method]...)
	if err != nil {
		return nil, refusal(err)
	}
	return context.WithValue(ctx, claimsKey{}, claims), nil
}

// refusal tells of an error; whatever is wrong with a token, the caller hears the same.
func refusal(err error) error {
	switch {
	case errors.Is(err, ErrInactive):
		return status.Error(codes.Unauthenticated, "The token is missing or not active.")
	case errors.Is(err, ErrInsufficientScope):
		return status.Error(codes.PermissionDenied, "The token lacks a required scope.")
	}
	unavailable := status.New(codes.Unavailable, "Tokens cannot be checked now.")
	later := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}
	if detailed, err := unavailable.WithDetails(later); err == nil {
		unavailable = detailed
	}
	return unavailable.Err()
}

// HTTP does the same for a handler, all of whose requests need a token with the scopes.
func (g *Guard) HTTP(next http.Handler, scopes ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := bearerToken(r.Header.Values("Authorization"))
		claims, err := g.Verifier.Verify(r.Context(), token, thumbprint(r.TLS), scopes...)
		switch {
		case err == nil:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
		case errors.Is(err, ErrInactive):
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "The token is missing or not active.", http.StatusUnauthorized)
		case errors.Is(err, ErrInsufficientScope):
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
			http.Error(w, "The token lacks a required scope.", http.StatusForbidden)
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Tokens cannot be checked now.", http.StatusServiceUnavailable)
		}
	})
}

// certificateOf gives the SHA-256 of the client certificate of a call's connection; nil for none.
func certificateOf(ctx context.Context) []byte {
	if caller, ok := peer.FromContext(ctx); ok {
		if security, ok := caller.AuthInfo.(credentials.TLSInfo); ok {
			return thumbprint(&security.State)
		}
	}
	return nil
}

func thumbprint(connection *tls.ConnectionState) []byte {
	if connection == nil || len(connection.PeerCertificates) == 0 {
		return nil
	}
	digest := sha256.Sum256(connection.PeerCertificates[0].Raw)
	return digest[:]
}

// bearerToken gives the token of a request; none if there is not exactly one.
func bearerToken(headers []string) string {
	if len(headers) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

package verifier

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	authnv1 "example.com/authsvc/gen/authn/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

var (
	// ErrInactive says that a token is not active, whatever the cause.
	ErrInactive = errors.New("the token is not active")
	// ErrInsufficientScope says that an active token lacks a required scope.
	ErrInsufficientScope = errors.New("the token lacks a required scope")
	// ErrStale says that too little is known to say anything of a token.
	ErrStale = errors.New("nothing was heard of revocations for too long")
	// ErrUnavailable says that a token names an unknown key, and the server can't be asked for it.
	ErrUnavailable = errors.New("the keys could not be asked for")
)

const (
	// The server gives a sign of life every second, and every 5 seconds of the keys.
	revocationsPatience = 4 * time.Second
	keysPatience        = 15 * time.Second

	// However many unknown keys are named, the server is asked once in this time.
	askEvery   = time.Second
	askTimeout = time.Second
)

// Options say whose tokens are believed, and for how long without news.
type Options struct {
	Issuer   string // the only `iss` that is accepted
	Audience string // the only `aud` that is accepted
	APIKey   string // of a service account with the scope `authsvc.revocations.watch`, if one is needed

	Leeway       time.Duration // by how much clocks may differ; 0 means 5 s
	MaxLifetime  time.Duration // the most that may lie between `iat` and `exp`; 0 means an hour
	MaxStaleness time.Duration // the longest time without news in which all counts as known; 0 means 10 s
}

// Verifier knows keys and revocations as they come, and judges tokens by them. Goroutines may share it.
type Verifier struct {
	options Options
	begun   moment
	feed    *feed
	ring    atomic.Pointer[keyRing]
	ready   chan struct{} // closed once keys are known
	tell    sync.Once

	asking   sync.Mutex
	askedAt  moment
	answered bool

	server authnv1.TokenServiceClient
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// New follows the server at the other end of a connection, until Close.
func New(connection grpc.ClientConnInterface, options Options) *Verifier {
	v := judge(options, rightNow())
	v.server = authnv1.NewTokenServiceClient(connection)
	ctx, stop := context.WithCancel(context.Background())
	v.stop = stop
	v.done.Go(func() { v.followRevocations(ctx) })
	v.done.Go(func() { v.followKeys(ctx) })
	return v
}

// judge makes a verifier that knows nothing yet.
func judge(options Options, now moment) *Verifier {
	orDefault(&options.Leeway, 5*time.Second)
	orDefault(&options.MaxLifetime, time.Hour)
	orDefault(&options.MaxStaleness, 10*time.Second)
	v := &Verifier{options: options, begun: now, feed: newFeed(now), ready: make(chan struct{})}
	v.ring.Store(&keyRing{})
	return v
}

func orDefault(option *time.Duration, otherwise time.Duration) {
	if *option == 0 {
		*option = otherwise
	}
}

// Close ends the streams. What was known then soon is stale.
func (v *Verifier) Close() {
	v.stop()
	v.done.Wait()
}

// WaitUntilReady waits until keys and revocations are known.
func (v *Verifier) WaitUntilReady(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ErrStale
		case <-v.ready:
			if v.feed.isFresh(rightNow(), v.options.MaxStaleness) {
				return nil
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// Verify gives what an active token says, as VerifyToken would. It makes no call, unless the token names
// a key that is not known. The certificate is the SHA-256 of the client certificate (DER) of the
// connection that the token came by, nil for none: a token may be bound to one (RFC 8705, 3). Errors are
// ErrInactive, ErrInsufficientScope, ErrStale and ErrUnavailable.
func (v *Verifier) Verify(
	ctx context.Context, token string, certificate []byte, scopes ...string,
) (*authnv1.TokenClaims, error) {
	if !v.feed.isFresh(rightNow(), v.options.MaxStaleness) {
		return nil, ErrStale
	}
	parsed, ok := parseToken(token)
	if !ok {
		return nil, ErrInactive
	}
	if _, known := (*v.ring.Load())[parsed.keyID]; !known {
		if err := v.askForKeys(ctx); err != nil {
			return nil, err
		}
	}
	return v.decide(parsed, rightNow(), certificate, scopes)
}

// decide judges a well-formed token by what is known.
func (v *Verifier) decide(
	token *signedToken, now moment, certificate []byte, scopes []string,
) (*authnv1.TokenClaims, error) {
	ring := *v.ring.Load()
	key, known := ring[token.keyID]
	if !known || key.algorithm != token.algorithm || !key.check(token.signingInput, token.signature) {
		return nil, ErrInactive
	}
	claims, ok := readClaims(token.payload)
	if !ok || !v.accepts(claims, now.latest(v.begun)) || v.feed.ends(claims, token.keyID) {
		return nil, ErrInactive
	}
	for _, keyID := range claims.lineageKeys {
		if _, known := ring[keyID]; !known {
			return nil, ErrInactive
		}
	}
	if bound := claims.CertificateSha256; bound != nil && !bytes.Equal(bound, certificate) {
		return nil, ErrInactive
	}
	for _, scope := range scopes {
		if !slices.Contains(claims.Scopes, scope) {
			return nil, ErrInsufficientScope
		}
	}
	return claims.TokenClaims, nil
}

// accepts judges issuer, audience and times (RFC 9068, 4).
func (v *Verifier) accepts(c *claims, now time.Duration) bool {
	issued, expires := c.IssueTime.GetSeconds(), c.ExpireTime.GetSeconds()
	leeway, lifetime := v.options.Leeway.Seconds(), float64(expires-issued)
	return c.issuer == v.options.Issuer &&
		c.Audience == v.options.Audience &&
		now.Seconds() < float64(expires)+leeway &&
		float64(issued) <= now.Seconds()+leeway &&
		0 < lifetime && lifetime <= v.options.MaxLifetime.Seconds()
}

// takeKeys replaces the keys; if none of the new ones is of use, those there are stay.
func (v *Verifier) takeKeys(jwks []*authnv1.JsonWebKey) {
	if ring := readKeys(jwks); len(ring) > 0 {
		v.ring.Store(&ring)
		v.tell.Do(func() { close(v.ready) })
	}
}

// askForKeys gets the keys, unless that was done a moment ago.
func (v *Verifier) askForKeys(ctx context.Context) error {
	v.asking.Lock()
	defer v.asking.Unlock()
	if now := rightNow(); v.askedAt == (moment{}) || now.since(v.askedAt) >= askEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		answer, err := v.server.GetJwks(v.proving(ctx), &authnv1.GetJwksRequest{})
		v.askedAt, v.answered = now, err == nil
		v.takeKeys(answer.GetKeys())
	}
	if !v.answered {
		return ErrUnavailable
	}
	return nil
}

// proving adds the proof of who calls.
func (v *Verifier) proving(ctx context.Context) context.Context {
	if v.options.APIKey == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "x-authsvc-api-key", v.options.APIKey)
}

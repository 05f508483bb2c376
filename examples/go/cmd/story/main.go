// Command story plays the life of a session against a running authsvc, from the first login to the
// moment in which a token is refused although it has minutes to live.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	authnv1 "example.com/authsvc/gen/authn/v1"
	"example.com/authsvc/internal/settings"
	"example.com/authsvc/retry"
	"example.com/authsvc/verifier"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const patience = 60 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	connection, err := settings.Connect()
	if err != nil {
		return err
	}
	defer connection.Close()
	options, err := settings.Options()
	if err != nil {
		return err
	}
	local := verifier.New(connection, options)
	defer local.Close()
	ctx, cancel := context.WithTimeout(settings.Proving(context.Background()), patience)
	defer cancel()
	return (&story{
		auth:     authnv1.NewAuthServiceClient(connection),
		tokens:   authnv1.NewTokenServiceClient(connection),
		sessions: authnv1.NewSessionServiceClient(connection),
		local:    local,
	}).tell(ctx)
}

type story struct {
	auth     authnv1.AuthServiceClient
	tokens   authnv1.TokenServiceClient
	sessions authnv1.SessionServiceClient
	local    *verifier.Verifier
}

func (s *story) tell(ctx context.Context) error {
	session, err := s.login(ctx)
	if err != nil {
		return err
	}
	if session, err = s.refresh(ctx, session); err != nil {
		return err
	}
	if err := s.verify(ctx, session); err != nil {
		return err
	}
	if err := s.revoke(ctx, session); err != nil {
		return err
	}
	fmt.Println("All as promised.")
	return nil
}

// login makes an account and logs it in.
func (s *story) login(ctx context.Context) (*authnv1.TokenSet, error) {
	password := rand.Text()
	username := ""
	registered, err := retry.Call(ctx, func(ctx context.Context) (*authnv1.RegisterResponse, error) {
		username = "story-" + strings.ToLower(rand.Text()[:12]) // another one in each try: the last may have been heard
		return s.auth.Register(ctx, &authnv1.RegisterRequest{Username: username, Password: password})
	})
	if err != nil {
		return nil, err
	}
	tell("registered", registered.GetAccount().GetAccountId())
	answer, err := retry.Call(ctx, func(ctx context.Context) (*authnv1.LoginResponse, error) {
		return s.auth.Login(ctx, &authnv1.LoginRequest{
			Identifier: username, Password: password, Scopes: []string{"orders.read"},
		})
	})
	if err != nil {
		return nil, err
	}
	session := answer.GetTokens()
	if session == nil {
		return nil, errors.New("the login gave no tokens")
	}
	tell("logged in", "session "+session.GetSessionId())
	return session, nil
}

// refresh exchanges a refresh token twice, as after a lost answer.
func (s *story) refresh(ctx context.Context, session *authnv1.TokenSet) (*authnv1.TokenSet, error) {
	request := &authnv1.RefreshRequest{RefreshToken: session.GetRefreshToken()}
	var answers [2]*authnv1.TokenSet
	for i := range answers {
		answer, err := retry.Call(ctx, func(ctx context.Context) (*authnv1.RefreshResponse, error) {
			return s.auth.Refresh(ctx, request)
		})
		if err != nil {
			return nil, err
		}
		answers[i] = answer.GetTokens()
	}
	if answers[0].GetRefreshToken() != answers[1].GetRefreshToken() {
		return nil, errors.New("a refresh token had two successors")
	}
	tell("refreshed", "twice, with one successor")
	return answers[1], nil
}

func (s *story) verify(ctx context.Context, session *authnv1.TokenSet) error {
	claims, err := s.ask(ctx, session, 0)
	if err != nil {
		return err
	}
	tell("by call", "active, "+claims.GetSubject())
	if err := s.local.WaitUntilReady(ctx); err != nil {
		return err
	}
	if claims, err = s.local.Verify(ctx, session.GetAccessToken(), nil, "orders.read"); err != nil {
		return err
	}
	tell("locally", "active, "+claims.GetSubject())
	return nil
}

func (s *story) ask(ctx context.Context, session *authnv1.TokenSet, revision int64) (*authnv1.TokenClaims, error) {
	answer, err := retry.Call(ctx, func(ctx context.Context) (*authnv1.VerifyTokenResponse, error) {
		return s.tokens.VerifyToken(ctx, &authnv1.VerifyTokenRequest{
			AccessToken: session.GetAccessToken(), RequiredScopes: []string{"orders.read"}, MinRevision: revision,
		})
	})
	return answer.GetClaims(), err
}

// revoke ends the session and sees its token refused, by the server at once and here in a moment.
func (s *story) revoke(ctx context.Context, session *authnv1.TokenSet) error {
	asItself := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+session.GetAccessToken())
	answer, err := retry.Call(asItself, func(ctx context.Context) (*authnv1.RevokeSessionResponse, error) {
		return s.sessions.RevokeSession(ctx, &authnv1.RevokeSessionRequest{SessionId: session.GetSessionId()})
	})
	if err != nil {
		return err
	}
	answered := time.Now()
	tell("revoked", fmt.Sprintf("at revision %d", answer.GetRevision()))
	for {
		_, err := s.local.Verify(ctx, session.GetAccessToken(), nil)
		if errors.Is(err, verifier.ErrInactive) {
			break
		}
		if time.Since(answered) > patience {
			return errors.New("the token is still active here")
		}
		time.Sleep(time.Millisecond)
	}
	tell("locally", fmt.Sprintf("refused, %d ms later", time.Since(answered).Milliseconds()))
	if _, err = s.ask(ctx, session, answer.GetRevision()); reason(err) != "TOKEN_INACTIVE" {
		return fmt.Errorf("the server says of a revoked token: %w", err)
	}
	tell("by call", "refused, TOKEN_INACTIVE")
	return nil
}

// reason gives why a call failed, in the words of authn.v1.ErrorReason.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "authsvc" {
			return info.GetReason()
		}
	}
	return ""
}

func tell(step, what string) {
	fmt.Printf("%-12s%s\n", step, what)
}

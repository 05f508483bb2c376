package verifier

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	authnv1 "example.com/authsvc/gen/authn/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// vectors is a file of ../../../tests/vectors, as the README there describes it.
type vectors struct {
	About   string          `json:"about"`
	Context json.RawMessage `json:"context"`
	Cases   []struct {
		Name        string          `json:"name"`
		Context     json.RawMessage `json:"context"`
		Token       string          `json:"token"`
		Decision    string          `json:"decision"`
		Claims      json.RawMessage `json:"claims"`
		Defect      string          `json:"defect"`
		ResumeAfter *int64          `json:"resume_after"`
	} `json:"cases"`
}

type circumstances struct {
	Issuer         string              `json:"issuer"`
	Audience       string              `json:"audience"`
	Leeway         int64               `json:"leeway"`
	MaxLifetime    int64               `json:"max_lifetime"`
	MaxStaleness   int64               `json:"max_staleness"`
	RequiredScopes []string            `json:"required_scopes"`
	Certificate    string              `json:"certificate"`
	Now            int64               `json:"now"`
	Silence        int64               `json:"silence"`
	Keys           []json.RawMessage   `json:"keys"`
	Calls          [][]json.RawMessage `json:"calls"`
}

func TestVectors(t *testing.T) {
	directory := os.Getenv("AUTHSVC_VECTORS")
	if directory == "" {
		directory = "../../../tests/vectors"
	}
	files, _ := filepath.Glob(filepath.Join(directory, "*.json"))
	if len(files) == 0 {
		t.Fatalf("there are no vectors in %s", directory)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { runFile(t, file) })
	}
}

func runFile(t *testing.T, file string) {
	var read vectors
	text, err := os.ReadFile(file)
	if err == nil {
		err = strictly(text, &read)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range read.Cases {
		var context circumstances
		for _, members := range []json.RawMessage{read.Context, one.Context} {
			if members != nil && strictly(members, &context) != nil {
				t.Fatalf("%s: a context that is not understood", one.Name)
			}
		}
		v, now := following(t, &context)
		decision, claims := decision(v, now, one.Token, &context)
		if decision != one.Decision {
			t.Errorf("%s: %s, not %s", one.Name, decision, one.Decision)
		}
		if one.Claims != nil {
			wanted := &authnv1.TokenClaims{}
			if err := protojson.Unmarshal(one.Claims, wanted); err != nil || !proto.Equal(claims, wanted) {
				t.Errorf("%s: %v, not %v", one.Name, claims, wanted)
			}
		}
		if resume := one.ResumeAfter; resume != nil && v.feed.begin() != *resume {
			t.Errorf("%s: goes on from %d, not %d", one.Name, v.feed.begin(), *resume)
		}
	}
}

// following gives a verifier that has heard all that a context tells, and the moment to judge in.
func following(t testing.TB, c *circumstances) (*Verifier, moment) {
	judged := moment{steady: time.Hour, wall: time.Duration(c.Now) * time.Second}
	silence := time.Duration(c.Silence) * time.Second
	heard := moment{judged.steady - silence, judged.wall - silence}
	v := judge(Options{
		Issuer:       c.Issuer,
		Audience:     c.Audience,
		Leeway:       time.Duration(c.Leeway) * time.Second,
		MaxLifetime:  time.Duration(c.MaxLifetime) * time.Second,
		MaxStaleness: time.Duration(c.MaxStaleness) * time.Second,
	}, heard)
	v.takeKeys(messages[authnv1.JsonWebKey](t, c.Keys))
	for _, call := range c.Calls {
		v.feed.begin()
		for _, piece := range messages[authnv1.WatchRevocationsResponse](t, call) {
			if v.feed.take(piece, heard, v.options.Leeway) != nil {
				break
			}
		}
	}
	return v, judged
}

func decision(v *Verifier, now moment, token string, c *circumstances) (string, *authnv1.TokenClaims) {
	if !v.feed.isFresh(now, v.options.MaxStaleness) {
		return "stale", nil
	}
	parsed, ok := parseToken(token)
	if !ok {
		return "inactive", nil
	}
	certificate, _ := decodeBase64(c.Certificate)
	claims, err := v.decide(parsed, now, certificate, c.RequiredScopes)
	switch {
	case errors.Is(err, ErrInactive):
		return "inactive", nil
	case errors.Is(err, ErrInsufficientScope):
		return "insufficient_scope", nil
	}
	return "active", claims
}

// strictly fails on members that are not known: they change what is decided.
func strictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func messages[M any, P interface {
	*M
	proto.Message
}](t testing.TB, texts []json.RawMessage) []P {
	read := make([]P, len(texts))
	for i, text := range texts {
		read[i] = new(M)
		if err := protojson.Unmarshal(text, read[i]); err != nil {
			t.Fatal(err)
		}
	}
	return read
}

package verifier

import (
	"regexp"
	"strconv"
	"strings"

	authnv1 "example.com/authsvc/gen/authn/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// integerEnd is where JSON numbers stop being the same everywhere (RFC 7493, 2.2).
const integerEnd = 1 << 53

// scopePattern is that of RFC 6749, 3.3: visible ASCII but for quote and backslash, one space between.
var scopePattern = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*$`)

// claims are what a token says, and who issued it.
type claims struct {
	*authnv1.TokenClaims
	issuer string
}

// readClaims reads the payload of an access token (RFC 9068, 2.2).
func readClaims(payload map[string]any) (*claims, bool) {
	// These narrow a token in ways that are not checked here; to ignore them would be to widen it.
	for _, name := range []string{"cnf", "nbf"} {
		if _, narrowed := payload[name]; narrowed {
			return nil, false
		}
	}
	r := claimReader{payload: payload}
	read := &claims{
		issuer: r.name("iss"),
		TokenClaims: &authnv1.TokenClaims{
			Subject:    r.subject(),
			SessionId:  r.name("sid"),
			TokenId:    r.name("jti"),
			ClientId:   r.name("client_id"),
			Audience:   r.name("aud"),
			Scopes:     r.scopes(),
			Roles:      r.texts("roles"),
			IssueTime:  &timestamppb.Timestamp{Seconds: r.integer("iat")},
			ExpireTime: &timestamppb.Timestamp{Seconds: r.integer("exp")},
			AuthTime:   &timestamppb.Timestamp{Seconds: r.integer("auth_time")},
			Amr:        r.texts("amr"),
			Acr:        r.text(payload, "acr"),
			Epoch:      r.integer("epoch"),
			Actor:      r.actor(),
		},
	}
	return read, !r.failed
}

// claimReader reads claims one by one, and remembers if any was not of the right form.
type claimReader struct {
	payload map[string]any
	failed  bool
}

// name reads a required text that is not empty.
func (r *claimReader) name(claim string) string {
	text, ok := r.payload[claim].(string)
	r.require(ok && text != "")
	return text
}

func (r *claimReader) subject() string {
	subject := r.name("sub")
	kind, name, _ := strings.Cut(subject, "_")
	r.require((kind == "acc" || kind == "svc") && name != "")
	return subject
}

// text reads an optional text.
func (r *claimReader) text(of map[string]any, claim string) string {
	value, present := of[claim]
	text, ok := value.(string)
	r.require(ok || !present)
	return text
}

func (r *claimReader) integer(claim string) int64 {
	written, _ := r.payload[claim].(number)
	value, err := strconv.ParseInt(string(written), 10, 64)
	r.require(err == nil && value >= 0 && value < integerEnd)
	return value
}

func (r *claimReader) scopes() []string {
	scope := r.text(r.payload, "scope")
	if scope == "" {
		return nil
	}
	r.require(scopePattern.MatchString(scope))
	return strings.Split(scope, " ")
}

func (r *claimReader) texts(claim string) []string {
	value, present := r.payload[claim]
	if !present {
		return nil
	}
	values, isList := value.([]any)
	r.require(isList)
	texts := make([]string, len(values))
	for i, value := range values {
		text, isText := value.(string)
		r.require(isText)
		texts[i] = text
	}
	return texts
}

// actor reads who acts for the subject (RFC 8693, 4.1).
func (r *claimReader) actor() string {
	value, present := r.payload["act"]
	if !present {
		return ""
	}
	act, _ := value.(map[string]any)
	actor := r.text(act, "sub")
	r.require(actor != "")
	return actor
}

func (r *claimReader) require(holds bool) {
	r.failed = r.failed || !holds
}

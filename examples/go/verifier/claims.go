package verifier

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"strconv"
	"strings"

	authnv1 "example.com/authsvc/gen/authn/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// integerEnd is where JSON numbers stop being the same everywhere (RFC 7493, 2.2).
const integerEnd = 1 << 53

// scopePattern is that of RFC 6749, 3.3: visible ASCII but for quote and backslash, one space between.
var scopePattern = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*$`)

// maxActors is how often a token may be passed on.
const maxActors = 4

// claims are what a token says, who issued it, and what it dies with beside itself.
type claims struct {
	*authnv1.TokenClaims
	issuer      string
	actors      []actor
	lineage     []string // the `jti` of the tokens that it was made from
	lineageKeys []string // the `kid` of the keys that these were signed by
}

// actor is a service that had a token made from another (RFC 8693, 4.1).
type actor struct {
	subject   string
	sessionID string // the `sid` of the credential that it proved itself by
	epoch     int64
}

// readClaims reads the payload of an access token (RFC 9068, 2.2).
func readClaims(payload map[string]any) (*claims, bool) {
	// It narrows a token in a way that is not checked here; to ignore it would be to widen the token.
	if _, narrowed := payload["nbf"]; narrowed {
		return nil, false
	}
	r := claimReader{payload: payload}
	actors, lineage, lineageKeys := r.delegation()
	read := &claims{
		issuer:      r.name("iss"),
		actors:      actors,
		lineage:     lineage,
		lineageKeys: lineageKeys,
		TokenClaims: &authnv1.TokenClaims{
			Subject:    r.subject(payload),
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

			CertificateSha256: r.certificate(),
		},
	}
	for _, actor := range actors {
		read.Actors = append(read.Actors, actor.subject)
	}
	if len(actors) > 0 {
		read.Actor = read.Actors[0]
	}
	return read, !r.failed
}

// claimReader reads claims one by one, and remembers if any was not of the right form.
type claimReader struct {
	payload map[string]any
	failed  bool
}

// name reads a required text that is not empty.
func (r *claimReader) name(claim string) string { return r.nameOf(r.payload, claim) }

func (r *claimReader) nameOf(members map[string]any, claim string) string {
	text, ok := members[claim].(string)
	r.require(ok && text != "")
	return text
}

func (r *claimReader) subject(of map[string]any) string {
	subject := r.nameOf(of, "sub")
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

func (r *claimReader) integer(claim string) int64 { return r.integerOf(r.payload, claim) }

func (r *claimReader) integerOf(members map[string]any, claim string) int64 {
	written, _ := members[claim].(number)
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

// delegation reads where an exchanged token comes from. Each exchange has added an actor and a token,
// and one key at most.
func (r *claimReader) delegation() ([]actor, []string, []string) {
	actors, lineage, keys := r.actors(), r.texts("lineage"), r.texts("lineage_keys")
	_, exchanged := r.payload["lineage"]
	r.require(len(actors) == len(lineage) && exchanged == (len(actors) > 0))
	_, signed := r.payload["lineage_keys"]
	r.require(len(keys) <= len(actors) && (exchanged || !signed))
	for _, name := range slices.Concat(lineage, keys) {
		r.require(name != "")
	}
	return actors, lineage, keys
}

// actors reads who acts for the subject, the one that acts now first.
func (r *claimReader) actors() (actors []actor) {
	members := r.payload
	for {
		value, passedOn := members["act"]
		if !passedOn || r.failed {
			return actors
		}
		members, _ = value.(map[string]any)
		actors = append(actors, actor{r.subject(members), r.nameOf(members, "sid"), r.integerOf(members, "epoch")})
		own := len(members)
		if _, again := members["act"]; again {
			own--
		}
		r.require(own == 3 && len(actors) <= maxActors)
	}
}

// certificate reads `cnf`; of all that it could ask for, only a certificate is understood here.
func (r *claimReader) certificate() []byte {
	value, bound := r.payload["cnf"]
	if !bound {
		return nil
	}
	confirmation, _ := value.(map[string]any)
	thumbprint, ok := decodeBase64(r.nameOf(confirmation, "x5t#S256"))
	r.require(ok && len(confirmation) == 1 && len(thumbprint) == sha256.Size)
	return thumbprint
}

func (r *claimReader) require(holds bool) {
	r.failed = r.failed || !holds
}

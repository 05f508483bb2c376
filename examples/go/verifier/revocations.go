package verifier

import (
	"slices"

	authnv1 "example.com/authsvc/gen/authn/v1"
)

// revocations knows what was revoked, for as long as that matters. It only grows until forget. Times
// are seconds since 1970.
type revocations struct {
	ended    map[string]int64 // tokens and sessions, until when each is to be known
	accounts map[string]leastEpoch
	keys     map[string]int64
}

// leastEpoch is the epoch below which the tokens of an account are dead.
type leastEpoch struct {
	epoch, until int64
}

func noRevocations() *revocations {
	return &revocations{map[string]int64{}, map[string]leastEpoch{}, map[string]int64{}}
}

// isUnderstood says whether all that a revocation ends would be refused.
func isUnderstood(r *authnv1.Revocation) bool {
	switch r.GetKind() {
	case authnv1.RevocationKind_REVOCATION_KIND_TOKEN,
		authnv1.RevocationKind_REVOCATION_KIND_SESSION,
		authnv1.RevocationKind_REVOCATION_KIND_ACCOUNT,
		authnv1.RevocationKind_REVOCATION_KIND_KEY:
		return r.GetSubject() != "" && r.ForgetTime != nil
	}
	return false
}

// add takes revocations in, in any order: an end or an epoch never goes back.
func (r *revocations) add(entries []*authnv1.Revocation) {
	for _, entry := range entries {
		subject, until := entry.GetSubject(), entry.GetForgetTime().GetSeconds()+1
		switch entry.GetKind() {
		case authnv1.RevocationKind_REVOCATION_KIND_KEY:
			r.keys[subject] = max(until, r.keys[subject])
		case authnv1.RevocationKind_REVOCATION_KIND_ACCOUNT:
			least := r.accounts[subject]
			r.accounts[subject] = leastEpoch{max(least.epoch, entry.GetEpoch()), max(least.until, until)}
		default:
			r.ended[subject] = max(until, r.ended[subject])
		}
	}
}

// ofKeys gives those of the entries that end keys.
func ofKeys(entries []*authnv1.Revocation) (found []*authnv1.Revocation) {
	for _, entry := range entries {
		if entry.GetKind() == authnv1.RevocationKind_REVOCATION_KIND_KEY {
			found = append(found, entry)
		}
	}
	return found
}

// ends says whether a token was revoked, or anything that it comes from.
func (r *revocations) ends(token *claims) bool {
	if r.hasEnded(token.TokenId) || r.endsSubject(token.Subject, token.SessionId, token.Epoch) {
		return true
	}
	return slices.ContainsFunc(token.lineage, r.hasEnded) ||
		slices.ContainsFunc(token.lineageKeys, r.endsKey) ||
		slices.ContainsFunc(token.actors, func(a actor) bool {
			return r.endsSubject(a.subject, a.sessionID, a.epoch)
		})
}

func (r *revocations) endsSubject(subject, sessionID string, epoch int64) bool {
	return r.hasEnded(sessionID) || epoch < r.accounts[subject].epoch
}

func (r *revocations) hasEnded(name string) bool {
	_, ended := r.ended[name]
	return ended
}

// endsKey says whether a signing key was revoked.
func (r *revocations) endsKey(keyID string) bool {
	_, revoked := r.keys[keyID]
	return revoked
}

// forget drops what need not be known after a moment.
func (r *revocations) forget(now int64) {
	dropOver(r.ended, func(until int64) bool { return until < now })
	dropOver(r.keys, func(until int64) bool { return until < now })
	dropOver(r.accounts, func(least leastEpoch) bool { return least.until < now })
}

func dropOver[V any](entries map[string]V, isOver func(V) bool) {
	for name, entry := range entries {
		if isOver(entry) {
			delete(entries, name)
		}
	}
}

package verifier

import (
	"errors"
	"fmt"
	"sync"
	"time"

	authnv1 "example.com/authsvc/gen/authn/v1"
)

const (
	forgetEvery = time.Minute

	// A piece that comes so much later than the quickest one of its call was waiting in a buffer, or
	// a clock was set: what it tells is old.
	late = 5 * time.Second
)

var errGap = errors.New("a gap")

// feed holds what was revoked, as far as the server told. One goroutine feeds it, any may ask it.
type feed struct {
	mu       sync.RWMutex
	known    *revocations
	revision int64
	heard    bool
	heardAt  moment // when all was known last

	// Of the call under way, and touched by its goroutine alone:
	snapshot         *revocations // one that has begun and is not complete
	snapshotRevision int64
	quickest         *moment // the least that lay between server_time and receipt, on each clock
	forgotAt         moment
}

func newFeed(now moment) *feed {
	return &feed{known: noRevocations(), forgotAt: now}
}

// begin drops half a snapshot, for a new call, and gives the revision to go on from.
func (f *feed) begin() int64 {
	f.snapshot, f.quickest = nil, nil
	return f.revision
}

// take applies a piece. After an error the call MUST be begun anew.
func (f *feed) take(piece *authnv1.WatchRevocationsResponse, now moment, leeway time.Duration) error {
	told, err := f.toldAt(piece, now)
	if err != nil {
		return err
	}
	for _, entry := range piece.GetRevocations() {
		if !isUnderstood(entry) {
			f.distrust()
			return fmt.Errorf("a revocation that is not understood: %v", entry.GetKind())
		}
	}
	if piece.GetReset_() {
		f.snapshot, f.snapshotRevision = noRevocations(), 0
	}
	held := f.revision
	if f.snapshot != nil {
		held = f.snapshotRevision
	}
	if piece.GetAfterRevision() != held || piece.GetRevision() < held {
		return errGap
	}
	f.apply(piece, told)
	f.forget(piece, now, leeway)
	return nil
}

// toldAt says when a piece was true. Not when it was received: who has slept reads what has waited for
// it, and is not to take that for news.
func (f *feed) toldAt(piece *authnv1.WatchRevocationsResponse, now moment) (moment, error) {
	sent := time.Duration(piece.GetServerTime().AsTime().UnixNano())
	if f.quickest == nil {
		f.quickest = &moment{now.steady - sent, now.wall - sent}
	}
	f.quickest.steady = min(f.quickest.steady, now.steady-sent)
	f.quickest.wall = min(f.quickest.wall, now.wall-sent)
	told := moment{sent + f.quickest.steady, sent + f.quickest.wall}
	if now.since(told) > late {
		return told, errors.New("what comes is old")
	}
	return told, nil
}

// distrust makes the feed stale until it is understood again.
func (f *feed) distrust() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = false
}

func (f *feed) apply(piece *authnv1.WatchRevocationsResponse, told moment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.snapshot == nil {
		f.known.add(piece.GetRevocations())
		f.revision = piece.GetRevision()
	} else {
		f.known.add(ofKeys(piece.GetRevocations())) // these don't wait for the rest of the snapshot
		f.snapshot.add(piece.GetRevocations())
		f.snapshotRevision = piece.GetRevision()
		if piece.GetIsCurrent() {
			f.known, f.snapshot = f.snapshot, nil
			f.revision = piece.GetRevision()
		}
	}
	if piece.GetIsCurrent() {
		f.heard, f.heardAt = true, told
	}
}

// forget drops what is over by the slower of both clocks: whichever is wrong, no token comes back.
func (f *feed) forget(piece *authnv1.WatchRevocationsResponse, now moment, leeway time.Duration) {
	if !piece.GetIsCurrent() || now.since(f.forgotAt) < forgetEvery {
		return
	}
	f.forgotAt = now
	slower := min(now.wall, time.Duration(piece.GetServerTime().AsTime().UnixNano()))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known.forget(int64((slower - leeway) / time.Second))
}

// isFresh says whether all was known at most so long ago.
func (f *feed) isFresh(now moment, maxStaleness time.Duration) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.heard && now.since(f.heardAt) <= maxStaleness
}

// ends says whether a token, or the key that signed it, was revoked.
func (f *feed) ends(token *claims, keyID string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.known.endsKey(keyID) || f.known.ends(token)
}

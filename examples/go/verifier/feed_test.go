package verifier

import (
	"testing"
	"time"

	authnv1 "example.com/authsvc/gen/authn/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const today = 1_800_000_000 * time.Second

func snapshot(at time.Duration, revocations ...*authnv1.Revocation) *authnv1.WatchRevocationsResponse {
	return &authnv1.WatchRevocationsResponse{
		Reset_:      true,
		Revision:    1,
		Revocations: revocations,
		IsCurrent:   true,
		ServerTime:  timestamppb.New(time.Unix(0, int64(at))),
	}
}

func TestWhoHasSleptIsStale(t *testing.T) {
	f := newFeed(moment{0, today})
	if err := f.take(snapshot(today), moment{0, today}, 0); err != nil {
		t.Fatal(err)
	}

	awake := moment{steady: time.Second, wall: today + time.Hour} // the steady clock stood still

	if f.isFresh(awake, 10*time.Second) {
		t.Error("it took what it knew before it slept for news")
	}
}

func TestWhatWaitedWhileItSleptIsNoNews(t *testing.T) {
	f := newFeed(moment{0, today})
	_ = f.take(snapshot(today), moment{0, today}, 0)

	waited := snapshot(today + time.Second)

	if f.take(waited, moment{time.Second, today + time.Hour}, 0) == nil {
		t.Error("it took what had waited in a buffer for news")
	}
}

func TestAClockThatIsPutBackMakesNothingYoung(t *testing.T) {
	f := newFeed(moment{0, today})
	_ = f.take(snapshot(today), moment{0, today}, 0)

	if f.isFresh(moment{steady: time.Minute, wall: today - time.Hour}, 10*time.Second) {
		t.Error("it took what is a minute old for news")
	}
}

func TestAClockThatIsPutBackMakesNoTokenLiveLonger(t *testing.T) {
	begun := moment{0, today}

	if now := (moment{steady: time.Minute, wall: today - time.Hour}).latest(begun); now != today+time.Minute {
		t.Errorf("it is %s", now)
	}
}

func TestWhatIsOverIsForgottenByTheSlowerClock(t *testing.T) {
	over := &authnv1.Revocation{
		Kind:       authnv1.RevocationKind_REVOCATION_KIND_SESSION,
		Subject:    "s",
		ForgetTime: timestamppb.New(time.Unix(0, int64(today))),
	}
	for behind, kept := range map[time.Duration]int{0: 0, 2 * time.Hour: 1} {
		f := newFeed(moment{0, today})
		_ = f.take(snapshot(today-behind, over), moment{0, today}, 0)
		later := moment{time.Hour, today + time.Hour}
		piece := &authnv1.WatchRevocationsResponse{
			AfterRevision: 1,
			Revision:      1,
			IsCurrent:     true,
			ServerTime:    timestamppb.New(time.Unix(0, int64(today+time.Hour-behind))),
		}
		if err := f.take(piece, later, 0); err != nil || len(f.known.ended) != kept {
			t.Errorf("%d kept with a server that is %s behind: %v", len(f.known.ended), behind, err)
		}
	}
}

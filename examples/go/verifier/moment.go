package verifier

import "time"

// moment is a point in time on two clocks: a steady one, which nobody sets but which may stand still
// while the machine sleeps, and the wall's, of which the contrary holds.
type moment struct {
	steady, wall time.Duration
}

var started = time.Now()

func rightNow() moment {
	now := time.Now()
	return moment{steady: now.Sub(started), wall: time.Duration(now.UnixNano())}
}

// since says how long ago something was: the longer one that the two clocks tell, so that neither
// sleep nor a clock that is put back makes anything look young.
func (m moment) since(earlier moment) time.Duration {
	return max(m.steady-earlier.steady, m.wall-earlier.wall)
}

// latest gives the time of day by the wall's clock, which a step only puts forward.
func (m moment) latest(begun moment) time.Duration {
	return max(m.wall, begun.wall+m.steady-begun.steady)
}

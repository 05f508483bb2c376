"""The states of the read-lease model: what each party and each Redis knows.

Time has no value of its own: every span is kept as its age in ticks (or what is left of it) and
stops at the length of a lease, beyond which nothing looks at it. So the states are finitely many.
"""

from dataclasses import dataclass
from typing import NamedTuple

NOBODY = -1


class Member(NamedTuple):
    """One enrolment in the roll."""

    seat: int
    counter: int
    applied: int


class Redis(NamedTuple):
    """One Redis: its identity, and what is lost when it loses its data."""

    identity: int
    book: int = 0
    founded_under: int = 0
    settled: bool = False
    members: tuple[Member, ...] = ()
    marks: frozenset[int] = frozenset()
    feed: tuple[int, ...] = ()
    fence: bool = False
    restores: frozenset[int] = frozenset()


class Call(NamedTuple):
    """A script under way from a worker: not yet run while `answer` is None."""

    script: str
    seat: int
    book: int = 0
    applied: int = -1
    settle: bool = False
    age: int = 0
    answer: tuple[bool, int] | None = None


class Worker(NamedTuple):
    """A worker: its phase is out, enrolled, noted, loaded or leaving."""

    side: int = 0
    phase: str = "out"
    index: int = -1
    place: int = 0
    seat: int = NOBODY
    book: int = 0
    book_age: int = 0
    lease: int = 0
    call: Call | None = None
    late: Call | None = None
    enrolments: int = 0
    renewals: int = 0


class Trust(NamedTuple):
    """Whom a process believes its fallback reads, and how far its restore has come."""

    identity: int = 1
    restoring: int = 0
    journal: int | None = None


class Look(NamedTuple):
    """The roll as a revoker read it; `age` counts from when the look was sent."""

    age: int = 0
    read: tuple[int, bool, tuple[Member, ...]] | None = None


class Watch(NamedTuple):
    """A member that a revoker waits for, and how long its counter has stood still."""

    seat: int
    counter: int
    age: int


class Revoker(NamedTuple):
    """A revocation on its way, or one that a worker found and completes before it says inactive."""

    side: int = 0
    stage: str = "idle"
    revision: int = 0
    look: Look | None = None
    book: int = 0
    book_age: int = 0
    watches: tuple[Watch, ...] = ()


class Verify(NamedTuple):
    """A verification under way, begun when `told` had been told, after its first reading."""

    worker: int
    told: int
    leased: bool = True
    index: int | None = None


class World(NamedTuple):
    """Everything. `told` is the last revision acknowledged, or for which inactive was said."""

    redis: Redis
    workers: tuple[Worker, ...]
    trusts: tuple[Trust, ...]
    revoker: Revoker = Revoker()
    journal: int = 0
    told: int = 0
    saved: Redis | None = None
    old: Redis | None = None
    old_writes: int = 0
    verify: Verify | None = None
    accepted: int = NOBODY
    books: int = 0
    seats: int = 0
    identities: int = 1
    faults: int = 0


@dataclass(frozen=True)
class Bounds:
    """How much of each kind may happen; what is delayed, paused or cut off is never bounded.

    Attributes:
        old_writes: For how many ticks an isolated Redis still writes once another has taken over.
        kinds: Which faults may happen: crash, give up, lose, flush, isolate, revoker dies, leave.

    """

    workers: int = 1
    revisions: int = 1
    enrolments: int = 2
    renewals: int = 2
    faults: int = 1
    kinds: frozenset[str] = frozenset()
    old_writes: int = 0
    lease: int = 2


def start(bounds: Bounds) -> World:
    """Give the state in which Redis is sound and nobody has enrolled."""
    return World(
        redis=Redis(identity=1, fence=True),
        workers=(Worker(enrolments=bounds.enrolments, renewals=bounds.renewals),) * bounds.workers,
        trusts=(Trust(),) * (bounds.workers + 1),
        faults=bounds.faults,
    )

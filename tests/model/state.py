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

    home: int
    stage: str = "idle"
    revision: int = 0
    look: Look | None = None
    book: int = 0
    book_age: int = 0
    watches: tuple[Watch, ...] = ()


class Verify(NamedTuple):
    """A verification that has read an index without what had been told, and not yet the lease."""

    worker: int


class World(NamedTuple):
    """Everything. `told` is the last revision acknowledged, or for which inactive was said."""

    redis: Redis
    workers: tuple[Worker, ...]
    trusts: tuple[Trust, ...]
    revoker: Revoker
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

    The revoker is a thread of the first worker.

    Attributes:
        enrolments: How often each worker may enrol.
        renewals: How often each may renew.
        warm: How many of the workers hold a fresh lease of a settled book at the start.
        old_writes: For how many ticks an isolated Redis still writes once another has taken over.
        kinds: Which faults may happen: crash, give up, lose, flush, isolate, revoker dies, leave.
            A replica that takes over has what Redis had at a warm start.

    """

    enrolments: tuple[int, ...] = (1,)
    renewals: tuple[int, ...] = (2,)
    warm: int = 0
    revisions: int = 1
    faults: int = 0
    kinds: frozenset[str] = frozenset()
    old_writes: int = 0
    lease: int = 2


def start(bounds: Bounds) -> World:
    """Give the state in which Redis is sound and only the warm workers have enrolled."""
    workers = []
    for number, (enrolments, renewals) in enumerate(
        zip(bounds.enrolments, bounds.renewals, strict=True)
    ):
        worker = Worker(enrolments=enrolments, renewals=renewals)
        if number < bounds.warm:
            worker = worker._replace(
                phase="loaded",
                index=0,
                seat=number,
                book=1,
                book_age=bounds.lease,
                lease=bounds.lease,
            )
        workers.append(worker)
    redis = Redis(identity=1, fence=True)
    if bounds.warm:
        members = tuple(Member(number, 1, 0) for number in range(bounds.warm))
        redis = redis._replace(book=1, founded_under=1, settled=True, members=members)
    return World(
        redis=redis,
        workers=tuple(workers),
        trusts=(Trust(),) * len(workers),
        revoker=Revoker(home=0),
        saved=redis if bounds.warm and "isolate" in bounds.kinds else None,
        books=redis.book,
        seats=bounds.warm,
        faults=bounds.faults,
    )

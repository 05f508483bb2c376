"""Every worker knows of a kind before an account has it, and asks SQL once a second at most."""

from collections.abc import Iterable, Sequence

from authsvc.domain.foreign_hashes.foreign_hash import HashKind
from authsvc.domain.hash_kinds import FRESH_SECONDS, HashKinds

BCRYPT, SCRYPT = HashKind("bcrypt", 10), HashKind("scrypt:8:1", 14)


class _World:
    """A store, and a clock that only pauses move."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}
        self.now = 1_000.0
        self.looks = 0

    def list(self) -> Sequence[HashKind]:
        self.looks += 1
        return [HashKind(family, work) for family, work in self.kept.items()]

    def announce(self, kinds: Iterable[HashKind]) -> None:
        for kind in kinds:
            self.kept[kind.family] = max(kind.work, self.kept.get(kind.family, 0))

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def worker(self) -> HashKinds:
        return HashKinds(store=self, steady=lambda: self.now, pause=self.pause)


def test_p_thr_3_an_announced_kind_is_known_to_every_worker() -> None:
    world = _World()
    importer, other = world.worker(), world.worker()
    assert other.current() == []

    importer.announce([BCRYPT])

    assert other.current() == [BCRYPT]


def test_p_thr_3_a_kind_that_another_importer_is_announcing_is_waited_for_too() -> None:
    world = _World()
    importer, other = world.worker(), world.worker()
    assert other.current() == []
    world.announce([BCRYPT])  # by an importer that is still waiting

    importer.announce([BCRYPT])

    assert other.current() == [BCRYPT]


def test_more_work_of_a_known_family_is_announced() -> None:
    world = _World()
    importer, other = world.worker(), world.worker()
    importer.announce([BCRYPT])
    assert other.current() == [BCRYPT]

    importer.announce([HashKind("bcrypt", 12), HashKind("bcrypt", 11)])

    assert other.current() == [HashKind("bcrypt", 12)]


def test_what_is_known_is_not_waited_for_again() -> None:
    world = _World()
    importer = world.worker()
    importer.announce([BCRYPT, SCRYPT])
    started = world.now

    importer.announce([SCRYPT])
    importer.announce([])
    importer.announce([HashKind("bcrypt", 4)])

    assert world.now == started


def test_sql_is_asked_once_a_second_at_most() -> None:
    world = _World()
    worker = world.worker()
    for _ in range(100):
        worker.current()
    assert world.looks == 1

    world.now += FRESH_SECONDS
    worker.current()
    assert world.looks == 2

"""The read-lease protocol: its steps, and the rules that no state may break."""

from collections.abc import Iterator

from tests.model.explorer import Report, explore
from tests.model.faults import time_and_faults
from tests.model.revokers import restore_steps, revoker_steps
from tests.model.state import NOBODY, Bounds, World, start
from tests.model.workers import worker_steps


def search(bounds: Bounds, *wrong: str) -> Report:
    """Search all that can happen within bounds for a broken rule, with parts of it built wrong."""
    mistakes = frozenset(wrong)

    def steps(world: World) -> Iterator[tuple[str, World]]:
        for number in range(len(world.workers)):
            yield from worker_steps(world, number, bounds, mistakes)
        yield from revoker_steps(world, bounds, mistakes)
        yield from restore_steps(world, mistakes)
        yield from time_and_faults(world, bounds)

    return explore(
        start(bounds), steps, fault=_broken, goal=lambda world: world.told == bounds.revisions
    )


def _broken(world: World) -> str | None:
    if world.accepted != NOBODY:
        return "accepted what had been told to be revoked"
    if world.told > world.journal:
        return "told of a revocation that is not in the journal"
    return None

"""What goes wrong, and the time that passes."""

from collections.abc import Iterator

from tests.model.state import Bounds, Call, Redis, Revoker, Trust, Watch, Worker, World
from tests.model.workers import Moves, put


def tick(world: World, bounds: Bounds) -> World:
    """Let a tick pass: all clocks run at one rate."""
    return world._replace(
        workers=tuple(_older(w, bounds) for w in world.workers),
        revoker=_waited(world.revoker, bounds),
        old_writes=max(world.old_writes - 1, 0),
    )


def _older(worker: Worker, bounds: Bounds) -> Worker:
    call = worker.call
    if call:
        call = call._replace(age=min(call.age + 1, bounds.lease))
    listed = worker.phase in ("enrolled", "noted", "loaded")
    return worker._replace(
        book_age=min(worker.book_age + 1, bounds.lease) if listed else 0,
        lease=max(worker.lease - 1, 0),
        call=call,
    )


def _waited(revoker: Revoker, bounds: Bounds) -> Revoker:
    if revoker.stage != "wait":
        return revoker
    look = revoker.look
    if look and look.read is None:
        look = look._replace(age=min(look.age + 1, bounds.lease))
    return revoker._replace(
        look=look,
        book_age=min(revoker.book_age + 1, bounds.lease) if revoker.book else 0,
        watches=tuple(
            Watch(w.seat, w.counter, min(w.age + 1, bounds.lease)) for w in revoker.watches
        ),
    )


def fault_steps(world: World, bounds: Bounds) -> Moves:
    """Give the faults that may happen next, and what prepares them."""
    if not world.faults:
        return
    fewer = world._replace(faults=world.faults - 1)
    for kind, steps in _KINDS.items():
        if kind in bounds.kinds:
            yield from steps(fewer, bounds)
    if not bounds.kinds.isdisjoint({"lose", "isolate"}) and world.saved is None:
        yield "Redis: what came so far is saved", world._replace(saved=world.redis)


def _crash(world: World, bounds: Bounds) -> Moves:
    for number, worker in enumerate(world.workers):
        if worker.phase in ("leaving", "left"):
            continue
        again = Worker(
            side=worker.side,
            late=_pending(worker),
            enrolments=worker.enrolments,
            renewals=worker.renewals,
        )
        trusts = (*world.trusts[:number], Trust(0), *world.trusts[number + 1 :])
        revoker = world.revoker
        if number == revoker.home and revoker.stage != "idle":
            revoker = Revoker(number, stage="dead")
        after = put(world, number, again, trusts=trusts, revoker=revoker, verify=None)
        yield f"worker {number + 1}: crash", after


def _give_up(world: World, bounds: Bounds) -> Moves:
    for number, worker in enumerate(world.workers):
        if worker.call:
            after = worker._replace(call=None, late=_pending(worker))
            yield f"worker {number + 1}: gives up {worker.call.script}", put(world, number, after)


def _pending(worker: Worker) -> Call | None:
    if worker.call and worker.call.answer is None:
        return worker.call._replace(age=0)
    return worker.late


def _lose(world: World, bounds: Bounds) -> Moves:
    if world.saved:
        yield "Redis: comes back without the suffix", _replaced(world, world.saved, {0})


def _replaced(world: World, saved: Redis, sides: set[int]) -> World:
    identity = world.identities + 1
    return world._replace(
        redis=saved._replace(identity=identity),
        identities=identity,
        workers=tuple(_cut_off(w) if w.side in sides else w for w in world.workers),
    )


def _cut_off(worker: Worker) -> Worker:
    """Lose what was sent to a server that is no more; answers may still arrive."""
    lost = worker.call and worker.call.answer is None
    return worker._replace(call=None if lost else worker.call, late=None)


def _flush(world: World, bounds: Bounds) -> Moves:
    yield "Redis: is emptied", world._replace(redis=Redis(identity=world.redis.identity))


def _isolate(world: World, bounds: Bounds) -> Moves:
    if not world.saved or world.old:
        return
    for left in range(len(world.workers)):
        workers = tuple(w._replace(side=int(n == left)) for n, w in enumerate(world.workers))
        parted = world._replace(old=world.redis, old_writes=bounds.old_writes, workers=workers)
        yield (
            f"Redis: a replica takes over, worker {left + 1} stays behind",
            _replaced(parted, world.saved, {0}),
        )


def _revoker_dies(world: World, bounds: Bounds) -> Moves:
    if world.revoker.stage not in ("idle", "dead"):
        yield "revoker: dies", world._replace(revoker=Revoker(world.revoker.home, stage="dead"))


_KINDS: dict[str, object] = {
    "crash": _crash,
    "give up": _give_up,
    "lose": _lose,
    "flush": _flush,
    "isolate": _isolate,
    "revoker dies": _revoker_dies,
}


def time_and_faults(world: World, bounds: Bounds) -> Iterator[tuple[str, World]]:
    """Give what happens to all."""
    older = tick(world, bounds)
    if older != world:
        yield "tick", older
    yield from fault_steps(world, bounds)

"""What a worker does, step by step. Every step may be late by any time: that is a pause or a cut."""

from collections.abc import Iterator

from tests.model.scripts import run
from tests.model.state import NOBODY, Bounds, Call, Redis, Verify, Worker, World

Moves = Iterator[tuple[str, World]]


def server(world: World, side: int) -> Redis:
    """Give the Redis to which a party is connected."""
    return world.old if side and world.old else world.redis


def written(world: World, side: int, redis: Redis) -> World:
    """Give the world after a write on a party's Redis."""
    return world._replace(old=redis) if side else world._replace(redis=redis)


def takes_writes(world: World, side: int) -> bool:
    """Tell whether a party's Redis is the true one, or isolated and not yet aware of it."""
    return not side or world.old_writes > 0


def worker_steps(world: World, number: int, bounds: Bounds, wrong: frozenset[str]) -> Moves:
    """Give all that one worker can do next."""
    worker = world.workers[number]
    name = f"worker {number + 1}: "
    for step in (_send, _deliver, _follow, _verify, _sign_off):
        for what, after in step(world, number, worker, bounds, wrong):
            yield name + what, after


def put(world: World, number: int, worker: Worker, **others: object) -> World:
    """Give the world with one worker changed."""
    workers = (*world.workers[:number], worker, *world.workers[number + 1 :])
    return world._replace(workers=workers, **others)


def _send(
    world: World, number: int, worker: Worker, bounds: Bounds, wrong: frozenset[str]
) -> Moves:
    if worker.call:
        return
    early = "the journal is loaded before enrolling" in wrong
    if worker.phase == "out" and worker.enrolments:
        if early and worker.index < 0:
            yield "load", put(world, number, worker._replace(index=world.journal))
            return
        seat = world.seats
        if "a member bears the worker's name" in wrong:
            seat = number
        if "a process bears its predecessor's name" in wrong:
            seat = 0
        call = Call("enrol", seat)
        worker = worker._replace(call=call, enrolments=worker.enrolments - 1)
        yield "enrol is sent", put(world, number, worker, seats=world.seats + 1)
    if worker.phase == "loaded" and worker.renewals:
        call = Call(
            "renew",
            worker.seat,
            book=worker.book,
            applied=worker.index,
            settle=worker.book_age >= bounds.lease,
        )
        worker = worker._replace(call=call, renewals=worker.renewals - 1)
        yield "renew is sent", put(world, number, worker)


def _deliver(
    world: World, number: int, worker: Worker, bounds: Bounds, wrong: frozenset[str]
) -> Moves:
    for slot in ("call", "late"):
        call = getattr(worker, slot)
        if call and call.answer is None and takes_writes(world, worker.side):
            redis, answered = run(
                call, server(world, worker.side), next_book=world.books + 1, wrong=wrong
            )
            books = max(world.books, redis.book)
            kept = answered if slot == "call" else None
            after = put(world, number, worker._replace(**{slot: kept}), books=books)
            yield f"{call.script} is run ({slot})", written(after, worker.side, redis)
    if worker.call and worker.call.answer is not None:
        yield f"{worker.call.script} is answered", put(world, number, _told(worker, bounds, wrong))


def _told(worker: Worker, bounds: Bounds, wrong: frozenset[str]) -> Worker:
    call = worker.call
    granted, book = call.answer
    worker = worker._replace(call=None)
    if call.script == "enrol":
        early = "the journal is loaded before enrolling" in wrong
        return worker._replace(
            phase="loaded" if early else "enrolled", seat=call.seat, book=book, book_age=0
        )
    if call.script == "renew" and granted:
        spent = 0 if "a lease counts from the reply" in wrong else call.age
        return worker._replace(lease=max(worker.lease, bounds.lease - spent))
    return worker._replace(
        phase="left" if call.script == "leave" else "out",
        index=-1,
        place=0,
        seat=NOBODY,
        book=0,
        book_age=0,
        lease=worker.lease if call.script == "leave" else 0,
    )


def _follow(
    world: World, number: int, worker: Worker, bounds: Bounds, wrong: frozenset[str]
) -> Moves:
    feed = server(world, worker.side).feed
    if worker.phase == "enrolled":
        yield (
            "note the end of the feed",
            put(world, number, worker._replace(phase="noted", place=len(feed))),
        )
    if worker.phase == "noted":
        yield "load", put(world, number, worker._replace(phase="loaded", index=world.journal))
    if worker.phase == "loaded" and len(feed) > worker.place:
        index = max(worker.index, *feed[worker.place :])
        yield "follow", put(world, number, worker._replace(place=len(feed), index=index))


def _verify(
    world: World, number: int, worker: Worker, bounds: Bounds, wrong: frozenset[str]
) -> Moves:
    # Once the lease is read, the index only grows: reading it at once is the worst that can happen.
    if not world.told or worker.phase in ("leaving", "left"):
        return
    behind = worker.index < world.told
    if worker.lease and (behind or world.verify == Verify(number)):
        yield "verify accepts by its lease", world._replace(accepted=number)
    if not worker.lease and _accepted_by_marks(world, number, worker, wrong):
        yield "verify accepts by the marks", world._replace(accepted=number)
    index_first = "verify reads the index before the lease" in wrong
    if index_first and behind and world.verify is None:
        yield "verify reads the index", world._replace(verify=Verify(number))


def _accepted_by_marks(world: World, number: int, worker: Worker, wrong: frozenset[str]) -> bool:
    redis = server(world, worker.side)
    trusted = world.trusts[number].identity == redis.identity and redis.fence
    reads_only = "the fallback only reads" in wrong
    answers = reads_only or takes_writes(world, worker.side)
    return trusted and answers and not redis.marks >= set(range(1, world.told + 1))


def _sign_off(
    world: World, number: int, worker: Worker, bounds: Bounds, wrong: frozenset[str]
) -> Moves:
    if "leave" not in bounds.kinds or worker.phase != "loaded" or worker.call:
        return
    call = Call("leave", worker.seat)
    lease = worker.lease if "who leaves still answers" in wrong else 0
    phase = "loaded" if lease else "leaving"
    after = worker._replace(phase=phase, lease=lease, call=call, renewals=0, enrolments=0)
    yield "stops answering and leave is sent", put(world, number, after)

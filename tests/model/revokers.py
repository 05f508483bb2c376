"""What a revoker does: also a worker that found a revocation and must not say inactive too early."""

from collections.abc import Iterator

from tests.model.scripts import stands, strike
from tests.model.state import Bounds, Look, Member, Revoker, Trust, Watch, World
from tests.model.workers import Moves, server, takes_writes, written


def revoker_steps(world: World, bounds: Bounds, wrong: frozenset[str]) -> Moves:
    """Give all that the revoker can do next."""
    for step in (_append, _write, _look, _strike, _find):
        for what, after in step(world, bounds, wrong):
            yield "revoker: " + what, after


def _append(world: World, bounds: Bounds, wrong: frozenset[str]) -> Moves:
    if world.revoker.stage == "idle" and world.journal < bounds.revisions:
        revision = world.journal + 1
        after = world.revoker._replace(stage="mark", revision=revision)
        yield f"append({revision})", world._replace(journal=revision, revoker=after)


def _write(world: World, bounds: Bounds, wrong: frozenset[str]) -> Moves:
    revoker = world.revoker
    redis = server(world, _side(world))
    if not takes_writes(world, _side(world)):
        return
    trusted = world.trusts[revoker.home].identity == redis.identity and redis.fence
    if revoker.stage == "mark" and trusted:
        redis = redis._replace(marks=redis.marks | {revoker.revision})
        after = world._replace(revoker=revoker._replace(stage="feed"))
        yield "mark", written(after, _side(world), redis)
    if revoker.stage == "feed":
        redis = redis._replace(feed=(*redis.feed, revoker.revision))
        after = world._replace(revoker=revoker._replace(stage="wait"))
        yield "append to the feed", written(after, _side(world), redis)


def _look(world: World, bounds: Bounds, wrong: frozenset[str]) -> Moves:
    revoker = world.revoker
    if revoker.stage != "wait":
        return
    if revoker.look is None:
        if "a span counts from the sending of a look" in wrong:
            yield "look is sent", world._replace(revoker=revoker._replace(look=Look()))
            return
        # Nothing depends on when a look is sent: it is as if sent when it is run.
        revoker = revoker._replace(look=Look())
    if revoker.look.read is None:
        redis = server(world, _side(world))
        there = stands(redis, wrong)
        read = (redis.book, redis.settled, redis.members) if there else (0, False, ())
        look = revoker.look._replace(read=read)
        yield "look is run", world._replace(revoker=revoker._replace(look=look))
    else:
        seen = _seen(revoker, bounds, wrong)
        if seen.stage == "told":
            told = max(world.told, seen.revision)
            yield "OK", world._replace(told=told, revoker=Revoker(home=seen.home))
        else:
            yield "look is answered", world._replace(revoker=seen)


def _seen(revoker: Revoker, bounds: Bounds, wrong: frozenset[str]) -> Revoker:
    look = revoker.look
    book, settled, members = look.read
    age = look.age if "a span counts from the sending of a look" in wrong else 0
    same = book == revoker.book
    book_age = bounds.lease if settled else revoker.book_age if same else age
    lagging = [m for m in members if m.applied < revoker.revision]
    watches = tuple(_watch(m, revoker.watches if same else (), age) for m in lagging)
    waits = lagging or not book or not (settled or book_age >= bounds.lease)
    return revoker._replace(
        stage="wait" if waits else "told",
        look=None,
        book=book,
        book_age=book_age,
        watches=watches,
    )


def _watch(member: Member, watches: tuple[Watch, ...], age: int) -> Watch:
    for watch in watches:
        if (watch.seat, watch.counter) == (member.seat, member.counter):
            return watch
    return Watch(member.seat, member.counter, age)


def _strike(world: World, bounds: Bounds, wrong: frozenset[str]) -> Moves:
    revoker = world.revoker
    if revoker.stage != "wait" or revoker.look or not takes_writes(world, _side(world)):
        return
    for watch in revoker.watches:
        if watch.age >= bounds.lease:
            redis = server(world, _side(world))
            struck = strike(redis, revoker.book, watch.seat, watch.counter, wrong)
            if struck != redis:
                yield "strike", written(world, _side(world), struck)


def _side(world: World) -> int:
    return world.workers[world.revoker.home].side


def _find(world: World, bounds: Bounds, wrong: frozenset[str]) -> Moves:
    """Let a worker that judges a token find its revocation, if the revoker itself has died."""
    if world.revoker.stage != "dead":
        return
    stage = "wait" if "who finds a revocation only waits" in wrong else "mark"
    for number in range(len(world.workers)):
        for revision in range(world.told + 1, world.journal + 1):
            if _finds(world, number, revision):
                after = Revoker(home=number, stage=stage, revision=revision)
                yield (
                    f"worker {number + 1} finds {revision} revoked",
                    world._replace(revoker=after),
                )


def _finds(world: World, number: int, revision: int) -> bool:
    worker = world.workers[number]
    if worker.lease:
        return worker.index >= revision
    redis = server(world, worker.side)
    return (
        world.trusts[number].identity == redis.identity and redis.fence and revision in redis.marks
    )


def restore_steps(world: World, wrong: frozenset[str]) -> Iterator[tuple[str, World]]:
    """Give the steps by which each process makes a doubtful Redis trustworthy again."""
    for number, trust in enumerate(world.trusts):
        side = world.workers[number].side
        redis = server(world, side)
        if (trust.identity == redis.identity and redis.fence) or not takes_writes(world, side):
            continue
        for what, after, changed in _restore(world, number, trust, redis.restores):
            yield (
                f"process {number + 1}: {what}",
                written(
                    _trusting(world, number, after),
                    side,
                    redis._replace(
                        restores=changed[0],
                        marks=redis.marks | set(range(1, changed[1] + 1)),
                        fence=redis.fence or changed[2],
                    ),
                ),
            )
        if trust.restoring and (trust.restoring != redis.identity or number not in redis.restores):
            yield (
                f"process {number + 1}: restore fails",
                _trusting(world, number, Trust(trust.identity)),
            )


def _restore(
    world: World, number: int, trust: Trust, restores: frozenset[int]
) -> Iterator[tuple[str, Trust, tuple[frozenset[int], int, bool]]]:
    identity = server(world, world.workers[number].side).identity
    if not trust.restoring:
        begun = trust._replace(restoring=identity)
        yield "begins to restore", begun, (restores | {number}, 0, False)
    elif trust.restoring == identity and number in restores:
        if trust.journal is None:
            yield "reads the journal", trust._replace(journal=world.journal), (restores, 0, False)
        else:
            yield "sets the fence", Trust(identity), (restores - {number}, trust.journal, True)


def _trusting(world: World, number: int, trust: Trust) -> World:
    return world._replace(trusts=(*world.trusts[:number], trust, *world.trusts[number + 1 :]))

"""The scripts of the roll, as Redis runs them: each is one step."""

from tests.model.state import Call, Member, Redis


def run(call: Call, redis: Redis, *, next_book: int, wrong: frozenset[str]) -> tuple[Redis, Call]:
    """Run a worker's script and give Redis afterwards, and the call with its answer."""
    if call.script == "enrol":
        return enrol(call, redis, next_book=next_book, wrong=wrong)
    if call.script == "renew":
        return renew(call, redis, wrong=wrong)
    return leave(call, redis)


def stands(redis: Redis, wrong: frozenset[str]) -> bool:
    """Tell whether the roll was founded on this very server: a roll restored from a copy was not."""
    return bool(redis.book) and (
        redis.founded_under == redis.identity or "the server of a roll is not compared" in wrong
    )


def enrol(call: Call, redis: Redis, *, next_book: int, wrong: frozenset[str]) -> tuple[Redis, Call]:
    """Found the roll if none stands, and add the member."""
    if not stands(redis, wrong):
        redis = redis._replace(
            book=next_book,
            founded_under=redis.identity,
            settled="a book is settled when it is founded" in wrong,
            members=(),
        )
    members = _without(redis, call.seat)
    redis = redis._replace(members=tuple(sorted([*members, Member(call.seat, 0, -1)])))
    return redis, call._replace(answer=(True, redis.book))


def renew(call: Call, redis: Redis, *, wrong: frozenset[str]) -> tuple[Redis, Call]:
    """Raise the member's counter and note what it has applied; refuse who is no member."""
    member = next((m for m in redis.members if m.seat == call.seat), None)
    listed = stands(redis, wrong) and redis.book == call.book and member is not None
    if not listed:
        granted = "a renewal needs no membership" in wrong
        return redis, call._replace(answer=(granted, redis.book))
    renewed = Member(call.seat, member.counter + 1, call.applied)
    return (
        redis._replace(
            members=tuple(sorted([*_without(redis, call.seat), renewed])),
            settled=redis.settled or call.settle,
        ),
        call._replace(answer=(True, redis.book)),
    )


def leave(call: Call, redis: Redis) -> tuple[Redis, Call]:
    """Remove a member that has stopped answering."""
    return redis._replace(members=_without(redis, call.seat)), call._replace(answer=(True, 0))


def strike(redis: Redis, book: int, seat: int, counter: int, wrong: frozenset[str]) -> Redis:
    """Remove a member whose counter is still the same."""
    blind = "a strike does not compare the counter" in wrong
    struck = {
        m
        for m in redis.members
        if stands(redis, wrong)
        and redis.book == book
        and m.seat == seat
        and (blind or m.counter == counter)
    }
    return redis._replace(members=tuple(m for m in redis.members if m not in struck))


def _without(redis: Redis, seat: int) -> tuple[Member, ...]:
    return tuple(m for m in redis.members if m.seat != seat)

"""Vectors of the feed: what is known after each kind of piece, and for how long."""

from collections.abc import Iterator
from dataclasses import replace

from authn.v1 import revocation_pb2 as kinds
from authn.v1.revocation_pb2 import Revocation

from tests.vectors.contents import ACTIVE, INACTIVE, STALE, USUAL, Call, Case, Group, piece
from tests.vectors.endings import END, END_OF_ANOTHER, revoked
from tests.verify.minting import JWKS, NOW, with_claims

_GOOD = with_claims()


def staleness() -> Group:
    """Who does not know enough says so, whatever the token."""
    begun = piece(0, 0, reset=True, current=False)
    ages = {
        "as old as may be": (replace(USUAL, silence=10), ACTIVE),
        "too old": (replace(USUAL, silence=11), STALE),
        "nothing was heard": (replace(USUAL, calls=((),)), STALE),
        "a snapshot has only begun": (replace(USUAL, calls=((begun,),)), STALE),
        "a stricter bound": (replace(USUAL, silence=3, max_staleness=2), STALE),
        "a looser bound": (replace(USUAL, silence=59, max_staleness=60), ACTIVE),
    }
    cases = [
        Case(name=name, token=_GOOD, context=context, decision=decision)
        for name, (context, decision) in ages.items()
    ]
    cases.append(
        Case(
            name="nor is it said of a bad token that it is one",
            token="no token",
            context=replace(USUAL, silence=11),
            decision=STALE,
        )
    )
    return Group(
        name="staleness",
        about="Past max_staleness, and before the first news, nothing is said of any token.",
        cases=cases,
    )


def feed() -> Group:
    """The rules of WatchRevocationsResponse."""
    return Group(
        name="feed",
        about="Pieces are applied in order; what does not go on from here ends the call.",
        cases=[*_snapshots(), *_gaps(), *_what_is_not_understood(), *_what_comes_late()],
    )


def _case(name: str, *calls: Call, decision: str, resume_after: int, silence: int = 0) -> Case:
    return Case(
        name=name,
        token=_GOOD,
        context=replace(USUAL, calls=calls, silence=silence),
        decision=decision,
        defect="SESSION_REVOKED" if decision == INACTIVE else "",
        resume_after=resume_after,
    )


def _snapshots() -> Iterator[Case]:
    known = piece(0, 5, reset=True)
    first = piece(0, 0, END, reset=True, current=False)
    last = piece(0, 7, END_OF_ANOTHER)
    yield _case("a snapshot in two pieces", (first, last), decision=INACTIVE, resume_after=7)
    yield _case("half a snapshot is none", (known, first), decision=ACTIVE, resume_after=5)
    yield _case(
        "half a snapshot is dropped with its call",
        (known, first),
        (known,),
        decision=ACTIVE,
        resume_after=5,
    )
    yield _case(
        "after half a snapshot a call goes on from what was known",
        (known, first),
        (piece(5, 6, END),),
        decision=INACTIVE,
        resume_after=6,
    )
    killed = revoked(kinds.REVOCATION_KIND_KEY, JWKS["EdDSA"]["kid"])
    begun = piece(0, 0, killed, reset=True, current=False)
    counts_at_once = _case(
        "a key in half a snapshot is revoked", (known, begun), decision=INACTIVE, resume_after=5
    )
    yield replace(counts_at_once, defect="UNKNOWN_KEY")
    yield _case(
        "a reset forgets",
        (piece(0, 5, END, reset=True), piece(0, 3, reset=True)),
        decision=ACTIVE,
        resume_after=3,
    )
    yield _case(
        "a reset forgets once the snapshot is complete",
        (piece(0, 5, END, reset=True), piece(0, 0, reset=True, current=False)),
        decision=INACTIVE,
        resume_after=5,
    )
    yield _case(
        "a call goes on from the one before",
        (known,),
        (piece(5, 6, END),),
        decision=INACTIVE,
        resume_after=6,
    )
    yield _case(
        "what was missed counts before all of it is there",
        (known, piece(5, 6, END, current=False)),
        decision=INACTIVE,
        resume_after=6,
    )


def _gaps() -> Iterator[Case]:
    known = piece(0, 5, reset=True)
    yield _case("a sign of life", (known, piece(5, 5)), decision=ACTIVE, resume_after=5)
    yield _case(
        "a gap",
        (known, piece(6, 7, END)),
        decision=ACTIVE,
        resume_after=5,
    )
    yield _case(
        "after a gap the rest of the call is not heard",
        (known, piece(6, 7), piece(5, 6, END)),
        decision=ACTIVE,
        resume_after=5,
    )
    yield _case("told again", (known, piece(4, 5, END)), decision=ACTIVE, resume_after=5)
    yield _case("a step back", (known, piece(5, 4, END)), decision=ACTIVE, resume_after=5)
    yield _case("no snapshot to begin with", (piece(5, 6),), decision=STALE, resume_after=0)
    yield _case(
        "a snapshot that does not begin at 0",
        (piece(3, 5, reset=True),),
        decision=STALE,
        resume_after=0,
    )
    yield _case(
        "a gap in a snapshot",
        (piece(0, 0, reset=True, current=False), piece(1, 5)),
        decision=STALE,
        resume_after=0,
    )


def _what_is_not_understood() -> Iterator[Case]:
    known = piece(0, 5, reset=True)
    unnamed = revoked(kinds.REVOCATION_KIND_SESSION, "")
    endless = Revocation(kind=kinds.REVOCATION_KIND_SESSION, subject="another")
    strange = {
        "a kind that is not known": revoked(99, "x"),
        "no kind": revoked(kinds.REVOCATION_KIND_UNSPECIFIED, "x"),
        "no subject": unnamed,
        "no time to forget it": endless,
    }
    for name, entry in strange.items():
        yield _case(name, (known, piece(5, 6, entry)), decision=STALE, resume_after=5)
    yield _case(
        "what is not understood is understood at last",
        (known, piece(5, 6, unnamed)),
        (piece(0, 6, END_OF_ANOTHER, reset=True),),
        decision=ACTIVE,
        resume_after=6,
    )


def _what_comes_late() -> Iterator[Case]:
    known = piece(0, 5, reset=True)
    for late, silence, decision in ((3, 7, ACTIVE), (3, 8, STALE)):
        calls = ((piece(0, 0, reset=True, current=False), piece(0, 5, told=NOW - late)),)
        yield _case(
            f"told {late} s ago, and {silence} s of silence",
            calls[0],
            decision=decision,
            silence=silence,
            resume_after=5,
        )
    yield _case(
        "what is 6 s old is not heard",
        (known, piece(5, 6, END, told=NOW - 6)),
        decision=ACTIVE,
        resume_after=5,
    )
    yield _case(
        "the clock of the server may be another",
        (piece(0, 5, reset=True, told=NOW - 86_400), piece(5, 6, END, told=NOW - 86_400)),
        decision=INACTIVE,
        resume_after=6,
    )

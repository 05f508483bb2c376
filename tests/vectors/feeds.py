"""Vectors of the feed: what was revoked, and what is known after each kind of piece."""

from collections.abc import Iterator
from dataclasses import replace

from authn.v1 import revocation_pb2 as kinds
from authn.v1.revocation_pb2 import Revocation
from google.protobuf.timestamp_pb2 import Timestamp

from tests.vectors.contents import ACTIVE, INACTIVE, STALE, USUAL, Call, Case, Group, piece
from tests.vectors.tokens import GATEWAY, passed_on
from tests.verify.minting import CLAIMS, HEADER, JWKS, NOW, with_claims

_GOOD = with_claims()
_SUBJECT, _SESSION, _TOKEN = (CLAIMS[name] for name in ("sub", "sid", "jti"))
_EPOCH: int = CLAIMS["epoch"]


def revoked(kind: "kinds.RevocationKind", subject: str, epoch: int = 0) -> Revocation:
    """Write a revocation that matters for ten minutes."""
    return Revocation(
        kind=kind, subject=subject, epoch=epoch, forget_time=Timestamp(seconds=NOW + 600)
    )


_END = revoked(kinds.REVOCATION_KIND_SESSION, _SESSION)
_END_OF_ANOTHER = revoked(kinds.REVOCATION_KIND_SESSION, "another")


def revocations() -> Group:
    """What each kind of revocation ends, and what it leaves alone."""
    another_key = JWKS["ES256"]["kid"]
    entries = {
        "the token": (revoked(kinds.REVOCATION_KIND_TOKEN, _TOKEN), "TOKEN_REVOKED"),
        "another token": (revoked(kinds.REVOCATION_KIND_TOKEN, _TOKEN[:-1] + "C"), ""),
        "its session": (_END, "SESSION_REVOKED"),
        "another session": (_END_OF_ANOTHER, ""),
        "a higher epoch": (revoked(kinds.REVOCATION_KIND_ACCOUNT, _SUBJECT, _EPOCH + 1), "EPOCH"),
        "its own epoch": (revoked(kinds.REVOCATION_KIND_ACCOUNT, _SUBJECT, _EPOCH), ""),
        "a lower epoch": (revoked(kinds.REVOCATION_KIND_ACCOUNT, _SUBJECT, _EPOCH - 1), ""),
        "an epoch of another account": (revoked(kinds.REVOCATION_KIND_ACCOUNT, "acc_1", 99), ""),
        "its key": (revoked(kinds.REVOCATION_KIND_KEY, JWKS["EdDSA"]["kid"]), "UNKNOWN_KEY"),
        "another key": (revoked(kinds.REVOCATION_KIND_KEY, another_key), ""),
    }
    cases = []
    for name, (entry, defect) in entries.items():
        decision = INACTIVE if defect else ACTIVE
        snapshot = (piece(0, 5, entry, reset=True),)
        delta = (piece(0, 5, reset=True), piece(5, 6, entry))
        for where, call in {"in the snapshot": snapshot, "told later": delta}.items():
            context = replace(USUAL, calls=(call,))
            cases.append(
                Case(
                    name=f"{name}, {where}",
                    token=_GOOD,
                    context=context,
                    decision=decision,
                    defect=defect,
                )
            )
    return Group(
        name="revocations",
        about="A revocation ends what it names: a token, a session, lower epochs, a key.",
        cases=[*cases, *_epochs()],
    )


def _epochs() -> Iterator[Case]:
    higher = revoked(kinds.REVOCATION_KIND_ACCOUNT, _SUBJECT, _EPOCH + 1)
    lower = revoked(kinds.REVOCATION_KIND_ACCOUNT, _SUBJECT, _EPOCH - 1)
    for name, entries in {"rises": (lower, higher), "never falls": (higher, lower)}.items():
        first, second = entries
        for where, call in {
            "in one piece": (piece(0, 5, first, second, reset=True),),
            "in two": (piece(0, 5, first, reset=True), piece(5, 6, second)),
        }.items():
            yield Case(
                name=f"an epoch {name}, {where}",
                token=_GOOD,
                context=replace(USUAL, calls=(call,)),
                decision=INACTIVE,
                defect="EPOCH",
            )


def delegation() -> Group:
    """What a token that came by services dies with: each of them, and each token that it was."""
    account, session, token = (
        kinds.REVOCATION_KIND_ACCOUNT,
        kinds.REVOCATION_KIND_SESSION,
        kinds.REVOCATION_KIND_TOKEN,
    )
    epoch = GATEWAY["epoch"]
    entries = {
        "the token that it was": (revoked(token, "came-from-0"), "DELEGATION"),
        "the token that it was before": (revoked(token, "came-from-1"), "DELEGATION"),
        "another token": (revoked(token, "came-from-2"), ""),
        "the credential of its actors": (revoked(session, GATEWAY["sid"]), "DELEGATION"),
        "a higher epoch of the actor": (revoked(account, "svc_1", epoch + 1), "DELEGATION"),
        "a higher epoch of the first one": (revoked(account, "svc_0", epoch + 1), "DELEGATION"),
        "the epoch of the actor": (revoked(account, "svc_1", epoch), ""),
        "an epoch of a service that has no part": (revoked(account, "svc_2", epoch + 1), ""),
        "its own token": (revoked(token, _TOKEN), "TOKEN_REVOKED"),
    }
    cases = [
        Case(
            name=name,
            token=passed_on(2),
            context=replace(USUAL, calls=((piece(0, 5, entry, reset=True),),)),
            decision=INACTIVE if defect else ACTIVE,
            defect=defect,
        )
        for name, (entry, defect) in entries.items()
    ]
    gone = JWKS["ES256"]["kid"]
    killed = revoked(kinds.REVOCATION_KIND_KEY, gone)
    for name, token, entry in (
        ("a key of before that was revoked", passed_on(2, HEADER["kid"], gone), killed),
        ("a key of before that is not known", passed_on(1, "E" * 43), _END),
    ):
        cases.append(
            Case(
                name=name,
                token=token,
                context=replace(USUAL, calls=((piece(0, 5, entry, reset=True),),)),
                decision=INACTIVE,
                defect="UNKNOWN_KEY",
            )
        )
    return Group(
        name="delegation",
        about="An exchanged token dies with each of its actors and each token that it was.",
        cases=cases,
    )


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
    first = piece(0, 0, _END, reset=True, current=False)
    last = piece(0, 7, _END_OF_ANOTHER)
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
        (piece(5, 6, _END),),
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
        (piece(0, 5, _END, reset=True), piece(0, 3, reset=True)),
        decision=ACTIVE,
        resume_after=3,
    )
    yield _case(
        "a reset forgets once the snapshot is complete",
        (piece(0, 5, _END, reset=True), piece(0, 0, reset=True, current=False)),
        decision=INACTIVE,
        resume_after=5,
    )
    yield _case(
        "a call goes on from the one before",
        (known,),
        (piece(5, 6, _END),),
        decision=INACTIVE,
        resume_after=6,
    )
    yield _case(
        "what was missed counts before all of it is there",
        (known, piece(5, 6, _END, current=False)),
        decision=INACTIVE,
        resume_after=6,
    )


def _gaps() -> Iterator[Case]:
    known = piece(0, 5, reset=True)
    yield _case("a sign of life", (known, piece(5, 5)), decision=ACTIVE, resume_after=5)
    yield _case(
        "a gap",
        (known, piece(6, 7, _END)),
        decision=ACTIVE,
        resume_after=5,
    )
    yield _case(
        "after a gap the rest of the call is not heard",
        (known, piece(6, 7), piece(5, 6, _END)),
        decision=ACTIVE,
        resume_after=5,
    )
    yield _case("told again", (known, piece(4, 5, _END)), decision=ACTIVE, resume_after=5)
    yield _case("a step back", (known, piece(5, 4, _END)), decision=ACTIVE, resume_after=5)
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
        (piece(0, 6, _END_OF_ANOTHER, reset=True),),
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
        (known, piece(5, 6, _END, told=NOW - 6)),
        decision=ACTIVE,
        resume_after=5,
    )
    yield _case(
        "the clock of the server may be another",
        (piece(0, 5, reset=True, told=NOW - 86_400), piece(5, 6, _END, told=NOW - 86_400)),
        decision=INACTIVE,
        resume_after=6,
    )

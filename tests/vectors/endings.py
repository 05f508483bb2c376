"""Vectors of what revocations end."""

from collections.abc import Iterator
from dataclasses import replace

from authn.v1 import revocation_pb2 as kinds
from authn.v1.revocation_pb2 import Revocation
from google.protobuf.timestamp_pb2 import Timestamp

from tests.vectors.contents import ACTIVE, INACTIVE, USUAL, Case, Group, piece
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


END = revoked(kinds.REVOCATION_KIND_SESSION, _SESSION)
END_OF_ANOTHER = revoked(kinds.REVOCATION_KIND_SESSION, "another")


def revocations() -> Group:
    """What each kind of revocation ends, and what it leaves alone."""
    another_key = JWKS["ES256"]["kid"]
    entries = {
        "the token": (revoked(kinds.REVOCATION_KIND_TOKEN, _TOKEN), "TOKEN_REVOKED"),
        "another token": (revoked(kinds.REVOCATION_KIND_TOKEN, _TOKEN[:-1] + "C"), ""),
        "its session": (END, "SESSION_REVOKED"),
        "another session": (END_OF_ANOTHER, ""),
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
        ("the first of two that was revoked", passed_on(2, gone, HEADER["kid"]), killed),
        ("a key of before that is not known", passed_on(1, "E" * 43), END_OF_ANOTHER),
        ("the first of two that is not known", passed_on(2, "E" * 43, gone), END_OF_ANOTHER),
        ("the last of two that is not known", passed_on(2, gone, "E" * 43), END_OF_ANOTHER),
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

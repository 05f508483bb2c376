"""The revocation index refuses what was revoked, for as long as it matters, and nothing else."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.claims import Claims, read_claims
from authsvc.verify.revocations import (
    RevocationEntry,
    RevocationIndex,
    RevocationKind,
)
from tests.verify.minting import CLAIMS

NOW = 1_800_000_000.0
NAMES = st.sampled_from("abc")
ENTRIES = st.builds(
    RevocationEntry,
    kind=st.sampled_from(RevocationKind),
    subject=NAMES.map("acc_{}".format),
    epoch=st.integers(0, 5),
    forget_at=st.floats(NOW - 600, NOW + 600),
)


def _claims(token: str = "t", session: str = "s", account: str = "acc_x") -> Claims:
    return read_claims({**CLAIMS, "jti": token, "sid": session, "sub": account})


def _entry(kind: RevocationKind, subject: str, *, epoch: int = 0, forget_at: float = NOW + 60):
    return RevocationEntry(kind=kind, subject=subject, epoch=epoch, forget_at=forget_at)


def _defect(index: RevocationIndex, claims: Claims, epoch: int = 0) -> TokenDefect | None:
    try:
        index.judge(claims._replace(epoch=epoch))
    except TokenInactive as refusal:
        return refusal.defect
    return None


@pytest.mark.parametrize(
    ("kind", "subject", "defect"),
    [
        (RevocationKind.TOKEN, "t", TokenDefect.TOKEN_REVOKED),
        (RevocationKind.SESSION, "s", TokenDefect.SESSION_REVOKED),
        (RevocationKind.ACCOUNT, "acc_x", TokenDefect.EPOCH),
    ],
)
def test_p_rev_1_what_was_revoked_is_refused_and_its_neighbour_is_not(
    kind: RevocationKind, subject: str, defect: TokenDefect
) -> None:
    index = RevocationIndex()
    assert _defect(index, _claims()) is None

    index.add([_entry(kind, subject, epoch=1)])

    assert _defect(index, _claims()) is defect
    assert _defect(index, _claims("t2", "s2", "acc_x2")) is None


def test_p_rev_5_a_token_of_the_epoch_itself_is_alive_and_one_before_is_not() -> None:
    index = RevocationIndex()
    index.add([_entry(RevocationKind.ACCOUNT, "acc_x", epoch=4)])

    assert _defect(index, _claims(), epoch=4) is None
    assert _defect(index, _claims(), epoch=3) is TokenDefect.EPOCH


def test_p_rev_5_the_latest_of_several_marks_decides_in_any_order() -> None:
    marks = [_entry(RevocationKind.ACCOUNT, "acc_x", epoch=epoch) for epoch in (2, 5, 3)]
    for order in permutations(marks):
        index = RevocationIndex()
        index.add(order)
        assert _defect(index, _claims(), epoch=4) is TokenDefect.EPOCH
        assert _defect(index, _claims(), epoch=5) is None


def test_p_key_3_a_revoked_key_is_known_by_its_name() -> None:
    index = RevocationIndex()
    index.add([_entry(RevocationKind.KEY, "kid")])

    assert index.is_key_revoked("kid")
    assert not index.is_key_revoked("other")


@given(st.lists(ENTRIES), st.integers(-900, 900))
def test_p_rev_6_nothing_is_forgotten_too_early_and_memory_is_bounded(
    entries: list[RevocationEntry], seconds: int
) -> None:
    """Against a model that keeps everything."""
    now = NOW + seconds
    index = RevocationIndex()
    index.add(entries)
    known = len(index)

    assert index.forget(now) == known - len(index)

    for name in "abc":
        subject = f"acc_{name}"
        mine = [entry for entry in entries if entry.subject == subject and entry.forget_at > now]
        ended = any(e.kind in (RevocationKind.TOKEN, RevocationKind.SESSION) for e in mine)
        if ended:
            assert _defect(index, _claims(token=subject))
            assert _defect(index, _claims(session=subject))
        accounts = [e for e in mine if e.kind is RevocationKind.ACCOUNT]
        for epoch in range(max((e.epoch for e in accounts), default=0)):
            assert _defect(index, _claims(account=subject), epoch) is TokenDefect.EPOCH
        if any(e.kind is RevocationKind.KEY for e in mine):
            assert index.is_key_revoked(subject)
    live = [entry for entry in entries if entry.forget_at > now - 120]
    assert len(index) <= len(live)


def test_an_end_that_is_put_off_is_remembered_the_longer() -> None:
    index = RevocationIndex()
    index.add([_entry(RevocationKind.TOKEN, "t", forget_at=NOW + 600)])
    index.add([_entry(RevocationKind.TOKEN, "t", forget_at=NOW)])

    index.forget(NOW + 300)

    assert _defect(index, _claims()) is TokenDefect.TOKEN_REVOKED

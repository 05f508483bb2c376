"""What the marks of revocations do, on each engine."""

from dataclasses import replace
from datetime import timedelta

from authsvc.domain.identifiers import account_partition, new_account_id, new_token_id
from authsvc.domain.revocation import Revocation, TokenMarks, TokenNames
from authsvc.stores.redis import keys
from authsvc.verify.revocations import RevocationKind
from tests.stores.hot.process import NOW, Hot, a_session

HOUR = timedelta(hours=1)


def _names() -> TokenNames:
    account_id = new_account_id()
    return TokenNames(
        token_id=new_token_id(account_partition(account_id)),
        session_id=a_session(account_id).session_id,
        account_id=account_id,
    )


def _revocation(kind: RevocationKind, subject: str, *, epoch: int = 0) -> Revocation:
    return Revocation(
        revision=5,
        kind=kind,
        subject=subject,
        epoch=epoch,
        reason="test",
        create_time=NOW,
        remember_until=NOW + HOUR,
    )


def test_each_name_of_a_token_can_be_marked(hot: Hot) -> None:
    token, session, account, clean = _names(), _names(), _names(), _names()
    hot.marks.apply(
        [
            _revocation(RevocationKind.TOKEN, token.token_id),
            _revocation(RevocationKind.SESSION, session.session_id),
            _revocation(RevocationKind.ACCOUNT, account.account_id, epoch=7),
            _revocation(RevocationKind.KEY, "a thumbprint"),
        ],
        now=NOW,
    )

    marks = hot.marks.check([token, session, account, clean])

    assert marks[0] == TokenMarks(revision=5, token_revoked=True, session_revoked=False, epoch=0)
    assert marks[1] == TokenMarks(revision=5, token_revoked=False, session_revoked=True, epoch=0)
    assert marks[2] == TokenMarks(revision=5, token_revoked=False, session_revoked=False, epoch=7)
    assert not marks[3].token_revoked
    assert not marks[3].session_revoked
    assert marks[3].epoch == 0


def test_no_tokens_have_no_marks(hot: Hot) -> None:
    assert hot.marks.check([]) == []
    assert hot.marks.apply([], now=NOW) == 0


def test_p_rev_6_a_mark_stays_until_the_end_and_is_never_shortened(hot: Hot) -> None:
    names = _names()
    long = _revocation(RevocationKind.TOKEN, names.token_id)
    epoch = _revocation(RevocationKind.ACCOUNT, names.account_id, epoch=2)
    hot.marks.apply([long, epoch], now=NOW)
    sooner = NOW + timedelta(minutes=1)
    hot.marks.apply([replace(one, remember_until=sooner) for one in (long, epoch)], now=NOW)
    with hot.server.client() as client:
        for key in (keys.token_mark(names.token_id), keys.of_account(names.account_id).epoch):
            assert 3_590_000 < client.pttl(key) <= 3_600_000


def test_a_late_mark_still_lives_a_second(hot: Hot) -> None:
    names = _names()
    hot.marks.apply([_revocation(RevocationKind.TOKEN, names.token_id)], now=NOW + 2 * HOUR)
    assert hot.marks.check([names])[0].token_revoked


def test_an_epoch_and_a_revision_never_go_down(hot: Hot) -> None:
    names = _names()
    high = _revocation(RevocationKind.ACCOUNT, names.account_id, epoch=9)
    hot.marks.apply([high, replace(high, epoch=4, revision=3)], now=NOW)

    marks = hot.marks.check([names])[0]

    assert (marks.epoch, marks.revision) == (9, 5)


def test_p_rev_4_a_raised_epoch_ends_the_sessions_below_it_alone(hot: Hot) -> None:
    account_id = new_account_id()
    old = [hot.open(a_session(account_id, epoch=1)) for _ in range(2)]
    new = hot.open(a_session(account_id, epoch=2))

    assert hot.revoke(RevocationKind.ACCOUNT, account_id, epoch=2) == 2

    assert hot.sessions.list(account_id, now=NOW) == [new]
    assert hot.sessions.find(old[0].session_id, now=NOW) is None


def test_p_rev_8_ending_a_session_again_ends_nothing(hot: Hot) -> None:
    session = hot.open(a_session())

    assert hot.revoke(RevocationKind.SESSION, session.session_id) == 1
    assert hot.revoke(RevocationKind.SESSION, session.session_id) == 0
    assert hot.sessions.list(session.account_id, now=NOW) == []


def test_a_thousand_tokens_are_checked_together(hot: Hot) -> None:
    names = [_names() for _ in range(1000)]
    hot.marks.apply([_revocation(RevocationKind.TOKEN, names[500].token_id)], now=NOW)

    marks = hot.marks.check(names)

    assert [n for n, mark in enumerate(marks) if mark.token_revoked] == [500]

"""After an acknowledged revocation no instance accepts the token (P-REV-1, 3, 4, 6, 7, 8)."""

import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import grpc
import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
    EnableAccountRequest,
    UpdateAccountRequest,
)
from authn.v1.auth_service_pb2 import LogoutRequest, RegisterResponse
from authn.v1.session_service_pb2 import RevokeAllSessionsRequest, RevokeSessionRequest
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import IntrospectTokenRequest, RevokeTokenRequest
from google.protobuf.field_mask_pb2 import FieldMask

from authsvc.domain.revocation import CLOCK_BOUND
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.journal import SqlRevocationJournal
from tests.porch.processes import eventually
from tests.promises.asking import (
    Pair,
    is_dead,
    refresh,
    refresh_refusal,
    verify,
    verify_refusal,
)
from tests.service import PASSWORD, Service, bearer, reason
from tests.stores.hot.servers import Server
from tests.stores.outbox import outbox

Revoke = Callable[[Service, TokenSet], int]


def _revoke_access_token(service: Service, tokens: TokenSet) -> int:
    return service.token.RevokeToken(RevokeTokenRequest(token=tokens.access_token)).revision


def _revoke_refresh_token(service: Service, tokens: TokenSet) -> int:
    return service.token.RevokeToken(RevokeTokenRequest(token=tokens.refresh_token)).revision


def _revoke_session(service: Service, tokens: TokenSet) -> int:
    request = RevokeSessionRequest(session_id=tokens.session_id)
    return service.session.RevokeSession(request).revision


def _revoke_all(service: Service, tokens: TokenSet) -> int:
    metadata = bearer(tokens.access_token)
    return service.session.RevokeAllSessions(RevokeAllSessionsRequest(), metadata=metadata).revision


def _logout(service: Service, tokens: TokenSet) -> int:
    return service.auth.Logout(LogoutRequest(refresh_token=tokens.refresh_token)).revision


@pytest.mark.parametrize(
    "revoke",
    [_revoke_access_token, _revoke_refresh_token, _revoke_session, _revoke_all, _logout],
)
def test_p_rev_1_an_acknowledged_revocation_is_known_to_every_instance(
    pair: Pair, revoke: Revoke
) -> None:
    last = 0
    for _ in range(20):
        tokens = pair.first.register().tokens
        assert verify_refusal(pair.second, tokens.access_token) == ""

        revision = revoke(pair.first, tokens)

        assert verify_refusal(pair.second, tokens.access_token) == "TOKEN_INACTIVE"
        assert verify_refusal(pair.first, tokens.access_token) == "TOKEN_INACTIVE"
        introspected = pair.second.token.IntrospectToken(
            IntrospectTokenRequest(token=tokens.access_token, min_revision=revision)
        )
        assert (introspected.active, introspected.HasField("claims")) == (False, False)
        assert revision > last
        last = revision


@pytest.mark.parametrize("revoke", [_revoke_access_token, _revoke_session, _logout])
def test_p_rev_8_a_revocation_may_be_repeated_anywhere(pair: Pair, revoke: Revoke) -> None:
    tokens = pair.first.register().tokens
    first = revoke(pair.first, tokens)

    assert revoke(pair.second, tokens) >= first
    assert verify_refusal(pair.first, tokens.access_token) == "TOKEN_INACTIVE"


@pytest.mark.parametrize("garbage", ["", "x", "asr_", "a.b.c", "asr_" + "A" * 91, "ü" * 100])
def test_p_rev_8_what_never_was_a_token_is_revoked_without_a_word(pair: Pair, garbage: str) -> None:
    assert pair.first.token.RevokeToken(RevokeTokenRequest(token=garbage)).revision >= 0


def test_p_rev_8_an_access_token_ends_itself_alone(pair: Pair) -> None:
    tokens = pair.first.register().tokens
    sibling = refresh(pair.first, tokens.refresh_token)

    _revoke_access_token(pair.first, tokens)

    assert verify_refusal(pair.second, tokens.access_token) == "TOKEN_INACTIVE"
    assert verify_refusal(pair.second, sibling.access_token) == ""


def test_p_rev_3_no_history_shows_inactive_and_then_active(pair: Pair) -> None:
    tokens = pair.first.register().tokens
    _revoke_session(pair.first, tokens)

    for _ in range(50):
        assert verify_refusal(pair.first, tokens.access_token) == "TOKEN_INACTIVE"
        assert verify_refusal(pair.second, tokens.access_token) == "TOKEN_INACTIVE"


def _change_password(service: Service, registered: RegisterResponse) -> TokenSet:
    request = ChangePasswordRequest(current_password=PASSWORD, new_password=secrets.token_urlsafe())
    metadata = bearer(registered.tokens.access_token)
    return service.account.ChangePassword(request, metadata=metadata).tokens


def _disable(service: Service, registered: RegisterResponse) -> None:
    account_id = registered.account.account_id
    service.account.DisableAccount(DisableAccountRequest(account_id=account_id))


def _delete(service: Service, registered: RegisterResponse) -> None:
    account_id = registered.account.account_id
    service.account.DeleteAccount(DeleteAccountRequest(account_id=account_id))


def _change_roles(service: Service, registered: RegisterResponse) -> None:
    service.account.UpdateAccount(
        UpdateAccountRequest(
            account_id=registered.account.account_id,
            roles=["auditor"],
            update_mask=FieldMask(paths=["roles"]),
        )
    )


def _end_all(service: Service, registered: RegisterResponse) -> None:
    _revoke_all(service, registered.tokens)


@pytest.mark.parametrize("change", [_change_password, _disable, _delete, _change_roles, _end_all])
def test_p_rev_4_what_ends_all_sessions_ends_every_token_at_once(
    pair: Pair, change: Callable[[Service, RegisterResponse], object]
) -> None:
    registered = pair.first.register()
    others = [pair.second.login(registered.account.username) for _ in range(2)]
    moved = refresh(pair.second, others[0].refresh_token)

    change(pair.first, registered)

    for tokens in (registered.tokens, *others, moved):
        assert is_dead(pair.second, tokens)
        assert is_dead(pair.first, tokens)


def test_p_rev_4_the_session_after_a_change_of_password_works_in_the_same_second(
    pair: Pair,
) -> None:
    new = _change_password(pair.first, pair.first.register())

    assert verify_refusal(pair.second, new.access_token) == ""
    assert refresh(pair.second, new.refresh_token).session_id == new.session_id


def test_p_rev_4_login_after_revoke_all_and_after_enabling_works(pair: Pair) -> None:
    registered = pair.first.register()
    _end_all(pair.first, registered)
    again = pair.second.login(registered.account.username)
    assert verify(pair.first, again.access_token).session_id == again.session_id

    _disable(pair.first, registered)
    request = EnableAccountRequest(account_id=registered.account.account_id)
    pair.second.account.EnableAccount(request)

    assert is_dead(pair.first, again)
    final = pair.first.login(registered.account.username)
    assert verify_refusal(pair.second, final.access_token) == ""


def test_p_rev_4_all_sessions_but_one_end(pair: Pair) -> None:
    registered = pair.first.register()
    kept = pair.first.login(registered.account.username)
    request = RevokeAllSessionsRequest(except_session_id=kept.session_id)

    answer = pair.first.session.RevokeAllSessions(request, metadata=bearer(kept.access_token))

    assert answer.revoked_count == 1
    assert is_dead(pair.second, registered.tokens)
    assert verify_refusal(pair.second, kept.access_token) == ""


def test_p_rev_6_a_mark_outlives_its_token_by_the_clock_bound(own: Service) -> None:
    tokens = own.register().tokens
    _revoke_access_token(own, tokens)
    expires = tokens.access_token_expire_time.ToDatetime(tzinfo=own.clock().tzinfo)

    engine = connect(own.app.config.sql_url())
    journal = SqlRevocationJournal(engine, outbox(engine))
    just_before = expires + timedelta(seconds=30) + CLOCK_BOUND - timedelta(seconds=1)
    remembered = [one for batch in journal.live(just_before) for one in batch]
    engine.dispose()

    assert remembered[-1].remember_until >= expires + timedelta(seconds=30) + CLOCK_BOUND


@pytest.mark.parametrize("hours", [-1, 1])
def test_p_flt_5_a_clock_that_is_an_hour_off_makes_no_dead_token_active(
    own: Service, hours: int
) -> None:
    revoked = own.register().tokens
    _revoke_access_token(own, revoked)
    alive = own.register().tokens

    own.clock.offset = timedelta(hours=hours)

    assert verify_refusal(own, revoked.access_token) == "TOKEN_INACTIVE"
    assert verify_refusal(own, alive.access_token) == "TOKEN_INACTIVE"
    own.clock.offset = None
    assert verify_refusal(own, revoked.access_token) == "TOKEN_INACTIVE"


def test_an_expired_token_stays_inactive(own: Service) -> None:
    tokens = own.register().tokens
    own.clock.offset = timedelta(minutes=10, seconds=29)
    assert verify_refusal(own, tokens.access_token) == ""

    for seconds in (631, 660, 3600, 86400):
        own.clock.offset = timedelta(seconds=seconds)
        assert verify_refusal(own, tokens.access_token) == "TOKEN_INACTIVE"


def test_p_rev_7_an_acknowledged_revision_is_reached_and_a_future_one_is_not(pair: Pair) -> None:
    tokens, other = pair.first.register().tokens, pair.first.register().tokens
    revision = _revoke_session(pair.first, other)

    assert verify_refusal(pair.second, tokens.access_token, min_revision=revision) == ""
    with pytest.raises(grpc.RpcError) as refused:
        verify(pair.second, tokens.access_token, min_revision=revision + 1_000_000)
    assert reason(refused.value) == "REVISION_NOT_REACHED"


def test_p_rev_7_without_sql_no_revocation_is_acknowledged(own: Service) -> None:
    tokens = own.register().tokens
    database = own.app.config.data / "authsvc.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(grpc.RpcError) as refused:
            _revoke_session(own, tokens)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert reason(refused.value) == "STORE_UNAVAILABLE"
        assert verify_refusal(own, tokens.access_token) == ""

    _revoke_session(own, tokens)

    assert verify_refusal(own, tokens.access_token) == "TOKEN_INACTIVE"
    assert refresh_refusal(own, tokens.refresh_token) == "INVALID_GRANT"


def test_p_rev_7_what_was_journalled_and_not_marked_comes_into_force_by_itself(
    own: Service, own_redis: Server
) -> None:
    """Redis refuses the mark; once it takes writes again, nobody has to call twice."""
    made = own.register()
    account_id = made.account.account_id
    with own_redis.client() as client:
        client.config_set("maxmemory", "1mb")
        with pytest.raises(grpc.RpcError) as refused:
            own.account.DisableAccount(DisableAccountRequest(account_id=account_id))
        assert reason(refused.value) == "STORE_UNAVAILABLE"
        assert verify_refusal(own, made.tokens.access_token) == ""
        client.config_set("maxmemory", "0")

    assert eventually(lambda: is_dead(own, made.tokens), seconds=5)

"""A refresh token has one successor, and its reuse ends the family (P-REF-1, 2, 3, 6)."""

import base64
import secrets
from dataclasses import replace
from datetime import timedelta
from functools import partial

import grpc
import pytest
from authn.v1.account_service_pb2 import ChangePasswordRequest, DisableAccountRequest
from authn.v1.auth_service_pb2 import LogoutRequest, RefreshRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.session_service_pb2 import RevokeSessionRequest
from authn.v1.token_service_pb2 import IntrospectTokenRequest, RevokeTokenRequest

from authsvc.configuration_values import decode_master_key
from authsvc.domain.refresh_tokens import NONCE_BYTES, RefreshTokenCodec
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from authsvc.stores.sql.settings import SqlSettings
from tests.callers import key_of, service_account
from tests.promises.asking import (
    Pair,
    events,
    is_dead,
    refresh,
    refresh_refusal,
    verify,
    verify_refusal,
)
from tests.service import PASSWORD, Service, bearer, reason
from tests.stores.hot.servers import Server
from tests.stores.outbox import EVENT, outbox
from tests.stores.races import at_once


def test_p_ref_1_of_64_racing_refreshes_all_get_the_one_successor(pair: Pair) -> None:
    token = pair.first.register().tokens.refresh_token
    request = RefreshRequest(refresh_token=token)
    # A local pool for each, or grpc would let all channels share one connection.
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [
        grpc.insecure_channel(service.address, options) for service in (*pair, *pair, *pair, *pair)
    ]
    try:
        calls = [partial(AuthServiceStub(channels[n % 8]).Refresh, request) for n in range(64)]
        answers = at_once(calls)
    finally:
        for channel in channels:
            channel.close()

    successors = {answer.tokens.refresh_token for answer in answers}
    assert len(successors) == 1
    assert token not in successors


def test_p_ref_2_a_repeat_within_the_grace_gets_the_same_refresh_token(pair: Pair) -> None:
    tokens = pair.first.register().tokens

    first = refresh(pair.first, tokens.refresh_token)
    again = refresh(pair.second, tokens.refresh_token)

    assert again.refresh_token == first.refresh_token
    assert again.session_id == first.session_id == tokens.session_id
    assert verify(pair.first, again.access_token).session_id == tokens.session_id


def test_p_ref_3_a_token_whose_successor_was_used_ends_the_family(own: Service) -> None:
    tokens = own.register().tokens
    second = refresh(own, tokens.refresh_token)
    third = refresh(own, second.refresh_token)

    assert refresh_refusal(own, tokens.refresh_token) == "INVALID_GRANT"

    assert all(is_dead(own, dead) for dead in (tokens, second, third))
    assert events(own, "refresh_token.reused") == 1


def test_p_ref_3_a_repeat_after_the_grace_ends_the_family(own: Service) -> None:
    tokens = own.register().tokens
    second = refresh(own, tokens.refresh_token)

    own.clock.offset = timedelta(seconds=11)

    assert refresh_refusal(own, tokens.refresh_token) == "INVALID_GRANT"
    assert is_dead(own, second)
    assert events(own, "refresh_token.reused") == 1


def test_p_ref_4_reuse_is_seen_within_one_second(pair: Pair) -> None:
    tokens = pair.first.register().tokens
    second = refresh(pair.first, tokens.refresh_token)
    third = refresh(pair.second, second.refresh_token)

    assert refresh_refusal(pair.second, tokens.refresh_token) == "INVALID_GRANT"

    assert is_dead(pair.first, third)
    assert is_dead(pair.second, third)


def test_p_ref_5_nothing_is_active_after_a_revocation_that_raced_refreshes(pair: Pair) -> None:
    account = pair.first.register().account
    for _ in range(200):
        tokens = pair.first.login(account.username)
        revoke = RevokeSessionRequest(session_id=tokens.session_id)
        raced = at_once(
            [
                partial(refresh, pair.first, tokens.refresh_token),
                partial(pair.second.session.RevokeSession, revoke),
                partial(refresh, pair.second, tokens.refresh_token),
            ]
        )
        assert not isinstance(raced[1], Exception)
        minted = [answer for answer in (raced[0], raced[2]) if not isinstance(answer, Exception)]
        for dead in (tokens, *minted):
            assert is_dead(pair.first, dead)


def test_p_ref_6_a_session_ends_unused_at_its_idle_end(own: Service) -> None:
    tokens = own.register().tokens
    idle_end = tokens.refresh_token_expire_time.ToDatetime()
    own.clock.offset = timedelta(days=14, seconds=-5)
    used = refresh(own, tokens.refresh_token)
    assert used.refresh_token_expire_time.ToDatetime() > idle_end

    own.clock.offset = timedelta(days=28)

    assert refresh_refusal(own, used.refresh_token) == "INVALID_GRANT"


def test_p_ref_6_a_session_ends_at_its_absolute_end_however_much_it_is_used(own: Service) -> None:
    tokens = own.register().tokens
    for day in range(10, 90, 10):
        own.clock.offset = timedelta(days=day)
        tokens = refresh(own, tokens.refresh_token)
    own.clock.offset = timedelta(days=90, seconds=-60)
    tokens = refresh(own, tokens.refresh_token)
    lifetime = (
        tokens.access_token_expire_time.seconds
        - verify(own, tokens.access_token).issue_time.seconds
    )
    assert lifetime <= 60

    own.clock.offset = timedelta(days=90, seconds=1)

    assert refresh_refusal(own, tokens.refresh_token) == "INVALID_GRANT"


def _api_key(service: Service, name: str) -> str:
    """Make a calling service with a key."""
    engine = connect(service.app.config.sql_url())
    store = SqlServiceAccountStore(engine, outbox(engine))
    account = service_account(now=service.clock(), name=name)
    text, key = key_of(account, now=service.clock())
    store.create(account, event=EVENT)
    store.add_key(key, event=EVENT)
    engine.dispose()
    return text


def test_p_ref_6_another_clients_refresh_token_is_refused_without_effect(pair: Pair) -> None:
    tokens = pair.first.register().tokens
    metadata = (("x-authsvc-api-key", _api_key(pair.first, f"other-{secrets.token_hex(4)}")),)
    request = RefreshRequest(refresh_token=tokens.refresh_token)

    with pytest.raises(grpc.RpcError) as refused:
        pair.second.auth.Refresh(request, metadata=metadata)

    assert reason(refused.value) == "INVALID_GRANT"
    assert verify_refusal(pair.first, tokens.access_token) == ""
    assert refresh(pair.first, tokens.refresh_token).session_id == tokens.session_id


def test_p_ref_6_scope_audience_and_authentication_time_stay_as_they_were(pair: Pair) -> None:
    tokens = pair.first.register(scopes=["orders.read"]).tokens
    before = verify(pair.first, tokens.access_token)

    after = verify(pair.second, refresh(pair.second, tokens.refresh_token).access_token)

    assert list(after.scopes) == ["orders.read"]
    assert (after.audience, after.client_id) == (before.audience, before.client_id)
    assert after.auth_time == before.auth_time
    assert after.token_id != before.token_id


def test_p_ref_6_the_session_of_an_account_disabled_meanwhile_is_not_continued(pair: Pair) -> None:
    registered = pair.first.register()
    pair.first.account.DisableAccount(
        DisableAccountRequest(account_id=registered.account.account_id)
    )

    assert is_dead(pair.second, registered.tokens)


def test_p_ref_7_every_login_opens_a_session_of_its_own(pair: Pair) -> None:
    registered = pair.first.register()
    ids = {pair.first.login(registered.account.username).session_id for _ in range(5)}

    assert len(ids | {registered.tokens.session_id}) == 6


def test_p_ref_8_redis_knows_no_refresh_token_and_not_its_secret_part(
    own: Service, own_redis: Server
) -> None:
    tokens = own.register().tokens
    second = refresh(own, tokens.refresh_token)
    written = b"".join(
        path.read_bytes() for path in own_redis.directory.rglob("*") if path.is_file()
    )

    raw = base64.urlsafe_b64decode(second.refresh_token.removeprefix("asr_") + "==")
    session_id, nonce, mac = raw[:16], raw[20:36], raw[36:]
    assert session_id[1:] in written, "else this test looks at the wrong place"
    for secret in (nonce, mac, second.refresh_token.encode(), tokens.refresh_token.encode()):
        assert secret not in written


def test_p_rev_8_another_client_can_revoke_nothing(pair: Pair) -> None:
    tokens = pair.first.register().tokens
    metadata = (("x-authsvc-api-key", _api_key(pair.first, f"other-{secrets.token_hex(4)}")),)

    for token in (tokens.access_token, tokens.refresh_token):
        pair.second.token.RevokeToken(RevokeTokenRequest(token=token), metadata=metadata)
    pair.second.auth.Logout(LogoutRequest(refresh_token=tokens.refresh_token), metadata=metadata)

    assert verify_refusal(pair.first, tokens.access_token) == ""
    assert refresh(pair.first, tokens.refresh_token).session_id == tokens.session_id


def test_p_ref_9_one_session_too_many_ends_the_oldest_of_the_account_alone(own: Service) -> None:
    bystander = own.register().tokens
    registered = own.register()
    later = [own.login(registered.account.username) for _ in range(3)]

    assert is_dead(own, registered.tokens)
    for tokens in (bystander, *later):
        assert verify_refusal(own, tokens.access_token) == ""
        assert refresh(own, tokens.refresh_token).session_id == tokens.session_id


def _token_of_a_thief(service: Service, refresh_token: str) -> str:
    """Make a token of the same session with the refresh key, but without its nonce."""
    config = service.app.config
    assert config.master_key is not None
    engine = connect(config.sql_url())
    try:
        sealer = Sealer(decode_master_key(config.master_key.get_secret_value()))
        codec = RefreshTokenCodec(SqlSettings(engine, sealer).secret("refresh key", 32))
    finally:
        engine.dispose()
    return codec.encode(replace(codec.decode(refresh_token), nonce=bytes(NONCE_BYTES)))


def test_p_ref_8_the_refresh_key_alone_neither_reads_nor_ends_nor_continues_a_session(
    pair: Pair,
) -> None:
    tokens = pair.first.register().tokens
    forged = _token_of_a_thief(pair.first, tokens.refresh_token)

    pair.first.auth.Logout(LogoutRequest(refresh_token=forged))
    pair.first.token.RevokeToken(RevokeTokenRequest(token=forged))

    assert not pair.first.token.IntrospectToken(IntrospectTokenRequest(token=forged)).active
    assert refresh_refusal(pair.first, forged) == "INVALID_GRANT"
    assert verify(pair.first, tokens.access_token).session_id == tokens.session_id
    assert refresh(pair.first, tokens.refresh_token).session_id == tokens.session_id


def test_p_ref_9_what_the_cap_ended_stays_ended_though_redis_is_emptied(
    own: Service, own_redis: Server
) -> None:
    made = own.register()
    before = events(own, "session.revoked")
    for _ in range(3):
        own.login(made.account.username)
    assert events(own, "session.revoked") == before + 1

    with own_redis.client() as client:
        client.flushall()

    assert verify_refusal(own, made.tokens.access_token) == "TOKEN_INACTIVE"


def test_p_ref_5_of_two_changes_of_one_password_one_counts(pair: Pair) -> None:
    """Each knows the old password; the later must not undo the earlier."""
    made = pair.first.register()
    metadata = bearer(made.tokens.access_token)
    passwords = [f"another kettle orbits {number} moons" for number in range(8)]

    def change(number: int) -> str:
        service = pair[number % 2]
        request = ChangePasswordRequest(current_password=PASSWORD, new_password=passwords[number])
        try:
            service.account.ChangePassword(request, metadata=metadata)
        except grpc.RpcError as error:
            return reason(error)
        return "changed"

    outcomes = at_once([partial(change, number) for number in range(8)])

    assert outcomes.count("changed") == 1
    winner = passwords[outcomes.index("changed")]
    assert pair.second.login(made.account.username, password=winner).session_id

"""Signing keys come, change and die without one good token refused (P-KEY-1, 2, 3, 4)."""

import base64
import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from authn.v1.key_pb2 import KeyState
from authn.v1.key_service_pb2 import ListKeysRequest, RevokeKeyRequest, RotateKeyRequest
from authn.v1.token_service_pb2 import (
    GetJwksRequest,
    IntrospectTokenRequest,
    RevokeTokenRequest,
    VerifyTokensRequest,
)
from google.protobuf.json_format import MessageToDict

from authsvc.stores.sql import migrate
from authsvc.stores.sql.engine import connect
from authsvc.verify.keyring import thumbprint
from tests.promises.asking import Pair, refresh, verify, verify_refusal
from tests.service import Service, running
from tests.stores.hot.servers import Server
from tests.stores.races import at_once


def _states(service: Service) -> dict[str, str]:
    keys = service.key.ListKeys(ListKeysRequest()).keys
    return {key.key_id: KeyState.Name(key.state).removeprefix("KEY_STATE_") for key in keys}


def _jwks(service: Service) -> list[dict[str, str]]:
    return [MessageToDict(key) for key in service.token.GetJwks(GetJwksRequest()).keys]


def _kid(access_token: str) -> str:
    header = access_token.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


def test_p_key_1_a_key_is_published_then_signs_then_only_verifies_then_goes(own: Service) -> None:
    old = own.register()
    [first] = _states(own)

    second = own.key.RotateKey(RotateKeyRequest()).key.key_id
    assert own.key.RotateKey(RotateKeyRequest()).key.key_id == second
    assert _states(own) == {first: "ACTIVE", second: "PENDING"}
    assert [key["kid"] for key in _jwks(own)] == [first, second]
    assert _kid(own.login(old.account.username).access_token) == first

    own.clock.offset = timedelta(minutes=15, seconds=1)
    assert _states(own) == {first: "RETIRED", second: "ACTIVE"}
    young = own.login(old.account.username)
    assert _kid(young.access_token) == second
    assert [key["kid"] for key in _jwks(own)] == [second, first]

    own.clock.offset = timedelta(hours=3)
    assert [key["kid"] for key in _jwks(own)] == [second]
    own.app.keys.forget_expired()
    assert _states(own) == {second: "ACTIVE"}


def test_p_key_1_keys_follow_one_another_on_schedule(own: Service) -> None:
    own.clock.offset = timedelta(days=29, hours=23)
    own.app.keys.rotate_if_due()
    assert list(_states(own).values()) == ["ACTIVE"]

    own.clock.offset = timedelta(days=30, seconds=1)
    own.app.keys.rotate_if_due()
    own.app.keys.rotate_if_due()

    assert list(_states(own).values()) == ["PENDING", "ACTIVE"]


@pytest.mark.parametrize("immediately", [False, True], ids=["in time", "at once"])
def test_p_key_1_a_rotation_refuses_no_good_token_anywhere(pair: Pair, immediately: bool) -> None:
    stop, refused = threading.Event(), []

    def go_on(signer: Service, verifier: Service) -> int:
        account, checked = signer.register().account, 0
        while not stop.is_set():
            tokens = signer.login(account.username)
            reason = verify_refusal(verifier, tokens.access_token)
            request = IntrospectTokenRequest(token=tokens.access_token)
            if reason or not verifier.token.IntrospectToken(request).active:
                refused.append((_kid(tokens.access_token), reason))
            checked += 1
        return checked

    ways = [(pair.first, pair.second), (pair.second, pair.first)]
    with ThreadPoolExecutor(4) as pool:
        running_checks = [pool.submit(go_on, *way) for way in ways * 2]
        try:
            for service in (pair.first, pair.second):
                # Longer than a worker waits between two looks for unknown keys.
                stop.wait(1.1 if immediately else 0.2)
                service.key.RotateKey(RotateKeyRequest(activate_immediately=immediately))
            stop.wait(0.5)
        finally:
            stop.set()
        assert all(check.result() > 0 for check in running_checks)

    assert refused == []


def test_p_key_1_a_token_of_a_key_that_is_new_here_is_known_to_every_call(pair: Pair) -> None:
    account = pair.first.register().account
    for revoke in (False, True):
        threading.Event().wait(1.1)  # the look for unknown keys is due again
        pair.first.key.RotateKey(RotateKeyRequest(activate_immediately=True))
        token = pair.first.login(account.username).access_token
        if revoke:
            pair.second.token.RevokeToken(RevokeTokenRequest(token=token))
            assert verify_refusal(pair.first, token) == "TOKEN_INACTIVE"
        else:
            request = IntrospectTokenRequest(token=token)
            assert pair.second.token.IntrospectToken(request).active


def test_p_rev_1_a_token_is_revoked_where_its_key_is_unknown_and_was_just_looked_for(
    pair: Pair,
) -> None:
    tokens = pair.first.register().tokens
    verify_refusal(pair.second, _with_random_kid(tokens.access_token))
    pair.first.key.RotateKey(RotateKeyRequest(activate_immediately=True))
    fresh = refresh(pair.first, tokens.refresh_token).access_token

    pair.second.token.RevokeToken(RevokeTokenRequest(token=fresh))

    assert verify_refusal(pair.first, fresh) == "TOKEN_INACTIVE"


def test_p_key_2_the_key_set_has_public_members_and_unique_thumbprints(pair: Pair) -> None:
    pair.first.key.RotateKey(RotateKeyRequest())
    keys = _jwks(pair.first)

    assert len(keys) == len({key["kid"] for key in keys}) >= 2
    for key in keys:
        assert set(key) <= {"kty", "use", "alg", "kid", "crv", "x"}
        assert (key["kty"], key["use"], key["alg"]) == ("OKP", "sig", "EdDSA")
        assert key["kid"] == thumbprint(key)


def test_p_key_2_private_keys_are_sealed_at_rest(pair: Pair) -> None:
    pair.first.register()
    secret_parts = [key.private_key for key in pair.first.app.keys._known]
    seeds = [part[-32:] for part in secret_parts]  # the end of an Ed25519 key in PKCS #8
    files = [path.read_bytes() for path in pair.first.app.config.data.iterdir() if path.is_file()]

    assert len(files) > 0
    for seed in seeds:
        for text in (seed, seed.hex().encode(), base64.b64encode(seed)[:40]):
            assert all(text not in content for content in files)


def test_p_key_3_a_revoked_key_is_dead_everywhere_and_a_new_one_signs(pair: Pair) -> None:
    registered = pair.first.register()
    for _ in range(10):
        old = pair.second.login(registered.account.username)
        assert verify_refusal(pair.first, old.access_token) == ""

        pair.first.key.RevokeKey(RevokeKeyRequest(key_id=_kid(old.access_token)))

        assert verify_refusal(pair.second, old.access_token) == "TOKEN_INACTIVE"
        assert verify_refusal(pair.first, old.access_token) == "TOKEN_INACTIVE"
        new = refresh(pair.second, old.refresh_token)
        assert _kid(new.access_token) != _kid(old.access_token)
        assert verify_refusal(pair.first, new.access_token) == ""
        assert _kid(old.access_token) not in {key["kid"] for key in _jwks(pair.second)}


def test_p_key_3_a_revoked_key_is_dead_in_a_batch_too(pair: Pair) -> None:
    registered = pair.first.register()
    request = VerifyTokensRequest(access_tokens=[registered.tokens.access_token] * 3)
    assert all(r.HasField("claims") for r in pair.second.token.VerifyTokens(request).results)

    key_id = _kid(registered.tokens.access_token)
    pair.first.key.RevokeKey(RevokeKeyRequest(key_id=key_id))

    assert not any(r.HasField("claims") for r in pair.second.token.VerifyTokens(request).results)


def test_p_key_3_no_retired_key_signs_again_when_its_successor_is_revoked(own: Service) -> None:
    [first] = _states(own)
    second = own.key.RotateKey(RotateKeyRequest(activate_immediately=True)).key.key_id

    own.key.RevokeKey(RevokeKeyRequest(key_id=second))

    states = _states(own)
    assert (states[first], states[second]) == ("RETIRED", "REVOKED")
    assert _kid(own.register().tokens.access_token) not in (first, second)


def _with_random_kid(access_token: str) -> str:
    header = {"alg": "EdDSA", "kid": secrets.token_urlsafe(32), "typ": "at+jwt"}
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join((encoded, *access_token.split(".")[1:]))


def test_p_key_4_unknown_keys_are_inactive_and_cost_the_known_ones_nothing(own: Service) -> None:
    token = own.register().tokens.access_token
    before = own.app.keys.ring
    for _ in range(200):
        assert verify_refusal(own, _with_random_kid(token)) == "TOKEN_INACTIVE"

    assert own.app.keys.ring is before
    assert verify_refusal(own, token) == ""


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_other_algorithms_work_from_end_to_end(
    own_redis: Server, tmp_path: Path, algorithm: str
) -> None:
    with running(data=tmp_path, redis_url=own_redis.url, signing_algorithm=algorithm) as service:
        tokens = service.register().tokens
        for _ in range(16):  # half of all ECDSA signatures have a high s
            tokens = refresh(service, tokens.refresh_token)
            assert verify(service, tokens.access_token).session_id == tokens.session_id
        [key] = _jwks(service)

    assert key["alg"] == algorithm
    assert key["kid"] == thumbprint(key) == _kid(tokens.access_token)
    assert {"d", "p", "q", "dp", "dq", "qi"}.isdisjoint(key)


def test_services_that_start_at_once_make_one_key(own_redis: Server, tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/authsvc.db")
    migrate.upgrade(engine)
    engine.dispose()

    with ExitStack() as stack:
        start = partial(running, data=tmp_path, redis_url=own_redis.url)
        services = at_once([lambda: stack.enter_context(start())] * 4)
        assert [len(_states(service)) for service in services] == [1] * 4

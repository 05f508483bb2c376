"""The contract of ChallengeStore on each engine."""

import hashlib
import secrets
from datetime import timedelta

import pytest

from authsvc.domain.challenges import Challenge, ChallengePurpose
from authsvc.domain.grants import GrantRequest
from authsvc.domain.identifiers import new_account_id
from authsvc.domain.sessions import ClientInfo
from authsvc.errors import StoreUnavailable
from authsvc.stores.redis.challenges import RedisChallengeStore
from tests.porch.processes import eventually
from tests.stores.hot.process import NOW, Hot
from tests.stores.races import at_once

MINUTE = timedelta(minutes=1)


@pytest.fixture(name="token_hash")
def _token_hash() -> bytes:
    return hashlib.sha256(secrets.token_bytes(24)).digest()


def full() -> Challenge:
    return Challenge(
        purpose=ChallengePurpose.SECOND_FACTOR,
        client_id="web-äpp",
        account_id=new_account_id(),
        epoch=7,
        request=GrantRequest(
            audience="orders",
            scopes=("a", 'b"c'),
            client=ClientInfo(ip_address="::1", user_agent="ü\0\n", device_id="d"),
            acr="aal2",
        ),
        amr=("pwd",),
        display_name="phone",
        expire_time=NOW + MINUTE,
    )


@pytest.mark.parametrize(
    "challenge",
    [
        full(),
        Challenge(
            purpose=ChallengePurpose.PASSKEY_LOGIN,
            client_id="public",
            account_id=None,
            epoch=0,
            expire_time=NOW,
        ),
    ],
)
def test_a_challenge_comes_back_as_it_was(
    hot: Hot, token_hash: bytes, challenge: Challenge
) -> None:
    store = RedisChallengeStore(hot.connection)
    store.keep(token_hash, challenge, life=MINUTE)

    assert store.find(token_hash) == challenge
    assert store.find(bytes(32)) is None


def test_p_mfa_3_of_fifty_who_spend_a_challenge_at_once_one_does(
    hot: Hot, token_hash: bytes
) -> None:
    store = RedisChallengeStore(hot.connection)
    store.keep(token_hash, full(), life=MINUTE)

    spent = at_once([lambda: store.spend(token_hash)] * 50)

    assert sorted(spent, key=str) == [False] * 49 + [True]
    assert store.find(token_hash) is None


def test_a_challenge_leaves_nothing_behind_when_it_ends(hot: Hot, token_hash: bytes) -> None:
    store = RedisChallengeStore(hot.connection)
    store.keep(token_hash, full(), life=timedelta(milliseconds=50))
    eventually(lambda: store.find(token_hash) is None)
    assert not store.spend(token_hash)


def test_p_flt_1_without_redis_nothing_is_known_of_a_challenge(
    doomed: Hot, token_hash: bytes
) -> None:
    store = RedisChallengeStore(doomed.connection)
    store.keep(token_hash, full(), life=MINUTE)
    doomed.server.kill()
    for ask in (store.find, store.spend, lambda h: store.keep(h, full(), life=MINUTE)):
        with pytest.raises(StoreUnavailable):
            ask(token_hash)
    doomed.server.start()

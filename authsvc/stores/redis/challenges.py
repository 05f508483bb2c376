"""Keeps challenges in Redis (ChallengeStore). Each is a record in JSON that expires."""

import json
from datetime import timedelta

from authsvc.domain.challenges import Challenge, ChallengePurpose
from authsvc.domain.clock import from_milliseconds, to_milliseconds
from authsvc.domain.grants import GrantRequest
from authsvc.domain.identifiers import AccountId
from authsvc.domain.sessions import ClientInfo
from authsvc.stores.redis import keys
from authsvc.stores.redis.connection import Call, RedisConnection, Script

_KEEP = Script("keep")
_FIND = Script("find")
_SPEND = Script("spend")

_MILLISECOND = timedelta(milliseconds=1)


class RedisChallengeStore:
    """Challenges under the hashes of their tokens."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def keep(self, token_hash: bytes, challenge: Challenge, *, life: timedelta) -> None:
        """See ChallengeStore."""
        arguments = (_pack(challenge), life // _MILLISECOND)
        self._connection.run(Call(_KEEP, _keys(token_hash), arguments))

    def find(self, token_hash: bytes) -> Challenge | None:
        """See ChallengeStore."""
        found = self._connection.run(Call(_FIND, _keys(token_hash)))
        return _unpack(found[0]) if found and found[0] else None

    def spend(self, token_hash: bytes) -> bool:
        """See ChallengeStore."""
        return bool(self._connection.run(Call(_SPEND, _keys(token_hash))))


def _keys(token_hash: bytes) -> tuple[bytes, bytes]:
    return keys.fence(token_hash[0]), keys.challenge(token_hash)


def _pack(challenge: Challenge) -> bytes:
    request, client = challenge.request, challenge.request.client
    fields = (
        challenge.purpose.value,
        challenge.client_id,
        challenge.account_id,
        challenge.epoch,
        (request.audience, request.scopes, request.acr),
        (client.ip_address, client.user_agent, client.device_id),
        challenge.amr,
        challenge.display_name,
        challenge.identifier,
        challenge.nonce.hex(),
        to_milliseconds(challenge.expire_time),
    )
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _unpack(record: bytes) -> Challenge:
    purpose, client_id, account_id, epoch, request, client, amr, *rest = json.loads(record)
    name, identifier, nonce, expire_time = rest
    audience, scopes, acr = request
    ip_address, user_agent, device_id = client
    return Challenge(
        purpose=ChallengePurpose(purpose),
        client_id=client_id,
        account_id=None if account_id is None else AccountId(account_id),
        epoch=epoch,
        request=GrantRequest(
            audience=audience,
            scopes=tuple(scopes),
            client=ClientInfo(ip_address=ip_address, user_agent=user_agent, device_id=device_id),
            acr=acr,
        ),
        amr=tuple(amr),
        display_name=name,
        identifier=identifier,
        nonce=bytes.fromhex(nonce),
        expire_time=from_milliseconds(expire_time),
    )

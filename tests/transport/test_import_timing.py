"""A failed login takes as long for imported accounts of every scheme as for others and for nobody.

Counted in processor time of this process, service and client together: what its neighbours do on
the machine does not come into it.
"""

import secrets
import statistics
import time
from pathlib import Path

import bcrypt
import pytest
from authn.v1.account_pb2 import AccountState
from authn.v1.account_service_pb2 import CreateAccountRequest
from passlib import hash as passlib

from tests.service import PASSWORD, running
from tests.stores.hot.servers import Server
from tests.transport.calls import attempt
from tests.transport.test_import import OLD, outcomes, row, take

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_ROUNDS = 16
_TRIES = 8
"""With one name: fewer than the limit on attempts."""
_COSTS = {"argon2_time_cost": 2, "argon2_memory_cost_kib": 19456, "argon2_parallelism": 1}


def _bcrypt(cost: int) -> str:
    return bcrypt.hashpw(OLD.encode(), bcrypt.gensalt(cost)).decode()


def _hashes() -> dict[str, str]:
    return {
        "bcrypt 10": _bcrypt(10),
        "bcrypt 6, wrapped": _bcrypt(6),
        "pbkdf2": passlib.pbkdf2_sha256.using(rounds=100_000).hash(OLD),
        "pbkdf2, wrapped": passlib.pbkdf2_sha256.using(rounds=20_000).hash(OLD),
        "argon2i": passlib.argon2.using(type="I", memory_cost=32_768, rounds=3, parallelism=1).hash(
            OLD
        ),
        "sha512-crypt": passlib.sha512_crypt.using(rounds=20_000).hash(OLD),
        "ssha256": passlib.ldap_salted_sha256.hash(OLD),
    }


def test_p_thr_3_the_time_of_a_refusal_tells_nothing_about_an_imported_account(
    redis: Server, tmp_path: Path
) -> None:
    with running(data=tmp_path, redis_url=redis.url, server_deadline="60s", **_COSTS) as service:
        hashes = _hashes()
        rows = [
            row(username=f"{number}x{_key(name)}", password_hash=text)
            for name, text in hashes.items()
            for number in range(_ROUNDS // _TRIES)
        ]
        closed = [
            row(
                username=f"{number}xclosed",
                password_hash=hashes["bcrypt 10"],
                state=AccountState.ACCOUNT_STATE_DISABLED,
            )
            for number in range(_ROUNDS // _TRIES)
        ]
        assert set(outcomes(take(service, rows + closed))) == {"CREATED"}
        for number in range(_ROUNDS // _TRIES):
            new = CreateAccountRequest(username=f"{number}xnative", password=PASSWORD)
            service.account.CreateAccount(new)
        kinds = [*map(_key, hashes), "native", "closed", "nobody"]
        spent: dict[str, list[float]] = {kind: [] for kind in kinds}
        for turn in range(_ROUNDS):
            for kind in sorted(kinds, key=lambda _: secrets.randbits(32)):
                name = f"{turn % (_ROUNDS // _TRIES)}x{kind}"
                password = OLD if kind == "closed" else f"wrong {turn}"
                started = time.process_time()
                attempt(service, name, password)
                spent[kind].append(time.process_time() - started)

    nobody = spent.pop("nobody")
    for kind, times in spent.items():
        share = statistics.median(times) / statistics.median(nobody)
        assert 0.9 < share < 1.1, (kind, share)


def _key(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum())

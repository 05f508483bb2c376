"""What becomes of guesses that are under way: for passwords and every other factor alike."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authsvc.domain.accounts import Account, AccountState
from authsvc.domain.attempts import AttemptLimits, Attempts
from authsvc.domain.devices import KnownDevices
from authsvc.domain.identifiers import new_account_id
from authsvc.domain.pseudonyms import Pseudonyms
from authsvc.errors import (
    AuthError,
    DeadlineExceeded,
    InvalidCredentials,
    Overloaded,
    StoreUnavailable,
    TooManyAttempts,
)
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.redis.throttles import RedisThrottle
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.devices import SqlDeviceStore
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.guesses import SqlGuessStore
from authsvc.stores.sql.migrate import upgrade
from tests.stores.hot.servers import Server, valkey
from tests.stores.outbox import EVENT, outbox

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT = Account(
    account_id=new_account_id(),
    username="owner",
    email=None,
    email_verified=False,
    roles=(),
    state=AccountState.ACTIVE,
    epoch=0,
    password_hash=None,
    create_time=NOW,
    update_time=NOW,
    password_change_time=None,
)


FREE = AttemptLimits().factors.free


class Gate:
    """Attempts with real stores, and time and Redis in the test's hands."""

    def __init__(self, attempts: Attempts, redis: Server) -> None:
        self.attempts = attempts
        self.redis = redis

    def guess(self, factor: str = "totp") -> AbstractContextManager[None]:
        """A guess at a factor of the one account."""
        return self.attempts.second_factor(ACCOUNT.account_id, factor=factor)

    def outcome(self, error: AuthError | None = None, factor: str = "totp") -> str:
        """How a guess ends that is refused so, or is right."""
        try:
            with self.guess(factor):
                if error is not None:
                    raise error
        except AuthError as told:
            return type(told).__name__
        return "OK"

    def flush(self) -> None:
        """Make Redis forget everything."""
        with self.redis.client() as client:
            client.flushall()


@pytest.fixture(name="redis", scope="module")
def _redis() -> Iterator[Server]:
    with valkey() as server:
        yield server


@pytest.fixture(name="gate")
def _gate(redis: Server, tmp_path: Path) -> Iterator[Gate]:
    engine = connect(f"sqlite:///{tmp_path}/authsvc.db")
    upgrade(engine)
    SqlAccountStore(engine, outbox(engine)).create(ACCOUNT, event=EVENT)
    connection = RedisConnection(redis.url)
    pseudonyms = Pseudonyms(b"k" * 32)

    def clock() -> datetime:
        return NOW

    gate = Gate(
        Attempts(
            throttle=RedisThrottle(connection),
            guesses=SqlGuessStore(engine, outbox(engine)),
            devices=KnownDevices(store=SqlDeviceStore(engine), pseudonyms=pseudonyms, clock=clock),
            pseudonyms=pseudonyms,
            limits=AttemptLimits(),
            clock=clock,
        ),
        redis,
    )
    gate.flush()
    yield gate
    connection.close()
    engine.dispose()


WRONG, THROTTLED = InvalidCredentials, "TooManyAttempts"


def test_p_mfa_2_factors_are_counted_apart(gate: Gate) -> None:
    for factor in ("totp", "recovery_code"):
        answers = [gate.outcome(WRONG("wrong"), factor) for _ in range(FREE + 1)]
        assert answers == ["InvalidCredentials"] * FREE + [THROTTLED]


def test_p_thr_1_of_guesses_under_way_no_more_are_let_in_than_may_be_wrong(gate: Gate) -> None:
    assert gate.outcome(WRONG("wrong")) == "InvalidCredentials"
    with ExitStack() as under_way:
        for _ in range(FREE - 1):
            under_way.enter_context(gate.guess())
        with pytest.raises(TooManyAttempts) as refused:
            under_way.enter_context(gate.guess())
        assert refused.value.retry_after == timedelta(seconds=1)


@pytest.mark.parametrize("flushes", [1, 3])
def test_p_thr_1_with_the_places_lost_more_are_made_and_no_more_are_answered(
    flushes: int, gate: Gate
) -> None:
    under_way = []
    for _ in range(flushes + 1):
        for _ in range(FREE):
            guess = gate.guess()
            guess.__enter__()
            under_way.append(guess)
        gate.flush()
    right = gate.guess()
    right.__enter__()

    answers = [_told(guess, WRONG("wrong")) for guess in under_way]

    assert answers == ["InvalidCredentials"] * FREE + [THROTTLED] * FREE * flushes
    with pytest.raises(TooManyAttempts):  # it comes after those: it must not be told from them
        right.__exit__(None, None, None)


@pytest.mark.parametrize("error", [Overloaded(), StoreUnavailable(), DeadlineExceeded()])
def test_p_thr_2_what_was_not_answered_was_no_guess(error: AuthError, gate: Gate) -> None:
    for _ in range(2 * FREE):
        assert gate.outcome(error) == type(error).__name__
    assert gate.outcome() == "OK"


def test_what_nobody_foresaw_is_a_wrong_guess(gate: Gate) -> None:
    for _ in range(FREE):
        with pytest.raises(ZeroDivisionError), gate.guess():
            raise ZeroDivisionError
    assert gate.outcome() == THROTTLED


def _told(guess: AbstractContextManager[None], error: AuthError) -> str:
    try:
        guess.__exit__(type(error), error, None)
    except AuthError as told:
        return type(told).__name__
    return type(error).__name__

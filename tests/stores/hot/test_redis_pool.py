"""The stack of connections hands on only sound ones, and loses none."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import UnixDomainSocketConnection
from redis.exceptions import RedisError

from authsvc.stores.redis.pool import Pool
from tests.stores.hot.servers import Server

SIZE = 3


def _pool(path: Path) -> Pool:
    return Pool(
        lambda: UnixDomainSocketConnection(path=str(path), socket_timeout=1),
        size=SIZE,
        patience=0.05,
        rest=0.0,
    )


@pytest.fixture(name="pool")
def _opened(shared_server: Server) -> Iterator[Pool]:
    pool = _pool(shared_server.directory / "s")
    yield pool
    pool.close()


def test_the_last_one_given_back_is_the_first_to_be_taken(pool: Pool) -> None:
    first, second = pool.take(), pool.take()
    pool.give_back(first)
    pool.give_back(second)

    assert pool.take() is second
    assert pool.take() is first


def test_a_wait_for_a_connection_is_bounded(pool: Pool) -> None:
    taken = [pool.take() for _ in range(SIZE)]
    with pytest.raises(TimeoutError):
        pool.take()
    pool.give_back(taken[0])

    assert pool.take() is taken[0]


def test_no_place_is_lost_when_nothing_can_be_opened(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "nobody")

    for _ in range(2 * SIZE):
        with pytest.raises(RedisError):
            pool.take()


def test_p_flt_3_an_answer_that_nobody_read_is_handed_to_nobody(
    pool: Pool,
) -> None:
    careless = pool.take()
    careless.send_command("ECHO", "somebody else's")
    careless.can_read(timeout=1)
    pool.give_back(careless)

    connection = pool.take()

    connection.send_command("ECHO", "ours")
    assert connection.read_response() == b"ours"


def test_one_that_its_server_closed_is_opened_again(pool: Pool, shared_server: Server) -> None:
    pool.give_back(pool.take())
    with shared_server.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)

    connection = pool.take()

    connection.send_command("PING")
    assert connection.read_response() == b"PONG"


def test_of_many_threads_no_two_hold_the_same(pool: Pool) -> None:
    def echo(number: int) -> bool:
        connection = pool.take()
        try:
            connection.send_command("ECHO", number)
            return connection.read_response() == str(number).encode()
        finally:
            pool.give_back(connection)

    with ThreadPoolExecutor(SIZE) as threads:
        assert all(threads.map(echo, range(2_000)))

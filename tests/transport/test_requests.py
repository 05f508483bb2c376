"""How a stream of requests is read."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from authsvc.errors import DeadlineExceeded, Overloaded
from authsvc.transport.requests import RequestStreams
from tests.porch.processes import eventually


def _readers() -> int:
    return sum(thread.name == "requests" for thread in threading.enumerate())


def test_p_api_1_a_message_that_does_not_come_is_not_waited_for_forever() -> None:
    over = threading.Event()

    def messages() -> Iterator[int]:
        yield 1
        over.wait()

    streams = RequestStreams(idle_time=timedelta(milliseconds=50))
    with closing(streams.read(messages())) as read:
        assert next(read) == 1
        with pytest.raises(DeadlineExceeded):
            next(read)
    over.set()
    assert eventually(lambda: not _readers())


def test_no_more_is_fetched_than_the_next_message() -> None:
    fetched = []

    def messages() -> Iterator[int]:
        for number in range(10):
            fetched.append(number)
            yield number

    with closing(RequestStreams().read(messages())) as read:
        assert next(read) == 0
        assert eventually(lambda: len(fetched) == 2)
        assert next(read) == 1
    assert eventually(lambda: not _readers())
    assert len(fetched) <= 4


def test_p_api_1_a_place_is_free_again_whatever_happened_in_it() -> None:
    streams = RequestStreams(limit=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), streams.place():
            with pytest.raises(Overloaded), streams.place():
                pass
            raise ZeroDivisionError

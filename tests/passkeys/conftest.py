"""A Valkey that may be harmed, and somebody with a passkey."""

from collections.abc import Iterator

import pytest

from tests.passkeys.people import Person
from tests.service import Service
from tests.stores.hot.servers import Server, valkey


@pytest.fixture(name="redis")
def _redis() -> Iterator[Server]:
    """A Valkey of the test's own."""
    with valkey() as server:
        yield server


@pytest.fixture(name="ada")
def _ada(service: Service) -> Person:
    """Somebody with a passkey."""
    person = Person(service)
    person.enrol()
    return person

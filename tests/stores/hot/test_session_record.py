"""A session comes back from its record exactly as it went in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.clock import from_milliseconds
from authsvc.domain.sessions import ClientInfo
from authsvc.stores.redis import session_record
from tests.stores.hot.process import a_session

_TEXT = st.text(max_size=80) | st.sampled_from(["\0", "🔑" * 128, "x" * 512, '"],[', "{a}\r\n"])
_TEXTS = st.lists(_TEXT, max_size=4).map(tuple)
_ADDRESS = (
    st.ip_addresses().map(str) | _TEXT | st.sampled_from(["::1%eth0", "2001:DB8::1", "01.2.3.4"])
)
_TIME = st.integers(0, 2**42).map(from_milliseconds)


@given(
    audience=_TEXT,
    scopes=_TEXTS,
    roles=_TEXTS,
    amr=_TEXTS,
    client=st.builds(ClientInfo, ip_address=_ADDRESS, user_agent=_TEXT, device_id=_TEXT),
    client_id=st.text(max_size=60),
    nonce_hash=st.binary(min_size=16, max_size=16),
    generation=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 2**32 - 1),
    create_time=_TIME,
    auth_time=_TIME,
    last_use_time=_TIME,
    absolute_expire_time=_TIME,
    idle_lifetime=st.integers(0, 2**40 - 1).map(lambda n: timedelta(milliseconds=n)),
)
def test_every_field_comes_back(**fields: object) -> None:
    session = replace(a_session(), **fields)  # type: ignore[arg-type]
    assert session_record.unpack(session.session_id, session_record.pack(session)) == session


def test_a_typical_record_is_small() -> None:
    assert len(session_record.pack(a_session())) <= 116


@pytest.mark.parametrize(
    "fields",
    [
        {"client_id": "c" * 256},
        {"generation": 2**32},
        {"idle_lifetime": timedelta(days=20_000)},
        {"last_use_time": datetime(1969, 1, 1, tzinfo=UTC)},
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        session_record.pack(replace(a_session(), **fields))  # type: ignore[arg-type]


def test_texts_of_many_sessions_do_not_pile_up() -> None:
    session = a_session()
    for number in range(1_500):
        client = ClientInfo(device_id=f"{number:022}")
        record = session_record.pack(replace(session, client=client))
        assert session_record.unpack(session.session_id, record).client == client
    assert session_record._inflate.cache_info().currsize <= 1_024

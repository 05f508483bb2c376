"""Names in certificates: which count, and which make a certificate worthless."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.client_certificates import ClientCertificate
from authsvc.errors import CallerUnauthenticated

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(
    *uris: str, dns: tuple[str, ...] = (), end: datetime | None = None
) -> ClientCertificate:
    return ClientCertificate(uris=uris, dns_names=dns, sha256=bytes(32), unverified_end=end)


@given(st.lists(st.text(max_size=20), max_size=20), st.lists(st.text(max_size=20), max_size=20))
def test_p_int_1_no_names_make_more_than_a_refusal(uris: list[str], dns: list[str]) -> None:
    try:
        names = certificate(*uris, dns=tuple(dns)).names(NOW)
    except CallerUnauthenticated:
        return

    assert len(names) == len(set(names)) <= 16
    assert all(name.isascii() and name.isprintable() for name in names)
    assert set(names) <= {*uris, *(name.lower() for name in dns)}


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "ü.example", "a\x7f", "\u212aa", "\ufffd", ""])
def test_p_int_1_a_name_that_is_none_makes_a_certificate_worthless(name: str) -> None:
    with pytest.raises(CallerUnauthenticated):
        certificate(dns=("good.example", name)).names(NOW)


def test_p_int_1_a_dns_name_is_never_taken_for_a_spiffe_id() -> None:
    with pytest.raises(CallerUnauthenticated):
        certificate(dns=("spiffe://a/b",)).names(NOW)


def test_a_uri_that_is_no_spiffe_id_is_passed_over() -> None:
    assert certificate("https://a.example", "urn:x", dns=("b",)).names(NOW) == ("b",)


@pytest.mark.parametrize("second", ["spiffe://b/c", "https://b", "spiffe://a/b", "SPIFFE://x/y"])
def test_p_int_1_a_spiffe_certificate_has_one_uri(second: str) -> None:
    for uris in (("spiffe://a/b", second), (second, "spiffe://a/b")):
        with pytest.raises(CallerUnauthenticated):
            certificate(*uris).names(NOW)


def test_p_int_1_an_end_that_no_handshake_has_verified_counts() -> None:
    assert certificate(dns=("a",), end=NOW + timedelta(seconds=1)).names(NOW) == ("a",)
    with pytest.raises(CallerUnauthenticated):
        certificate(dns=("a",), end=NOW).names(NOW)

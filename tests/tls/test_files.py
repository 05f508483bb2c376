"""Only a pair that works is shown to clients; every fault is named, and the last good one stays."""

import base64
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from authsvc.config import ConfigurationError
from authsvc.server_certificate import CertificateFiles, ServerCertificate, WatchedCertificate
from tests.tls.certificates import DAY, Authority
from tests.transport.logged import logged

CA = Authority()
SERVER = CA.server()
_NOBODY = 65534


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> CertificateFiles:
    """A good pair and a CA of clients."""
    certificate, key = CA.server().write(tmp_path)
    client_ca = tmp_path / "ca.pem"
    client_ca.write_bytes(CA.certificate)
    return CertificateFiles(
        chain=certificate, key=key, client_ca=client_ca, key_must_be_private=True
    )


def faults(files: CertificateFiles) -> tuple[str, ...]:
    """Read them, and give what is wrong."""
    try:
        files.read(now())
    except ConfigurationError as error:
        return error.faults
    return ()


def fault(files: CertificateFiles) -> str:
    (only,) = faults(files)
    return only


def test_a_good_pair_is_read_with_its_times(files: CertificateFiles) -> None:
    read = files.read(now())

    assert read.chain == files.chain.read_bytes()
    assert read.client_ca == CA.certificate
    assert read.start_time < now() < read.end_time
    assert b"PRIVATE KEY" in read.key
    assert "PRIVATE KEY" not in repr(read)


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "RSA"],
)
def test_keys_that_all_clients_know_are_good(
    files: CertificateFiles, tmp_path: Path, key: object
) -> None:
    CA.server(key=key).write(tmp_path)

    assert faults(files) == ()


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),
    ],
    ids=["Ed25519", "P-521", "secp256k1", "short RSA"],
)
def test_keys_that_fail_handshakes_are_refused(
    files: CertificateFiles, tmp_path: Path, key: object
) -> None:
    CA.server(key=key).write(tmp_path)

    assert "is not a key of a usable kind" in fault(files)


def test_p_cfg_1_files_that_are_missing_are_all_named(tmp_path: Path) -> None:
    absent = CertificateFiles(
        chain=tmp_path / "a", key=tmp_path / "b", client_ca=tmp_path / "c", key_must_be_private=True
    )

    found = faults(absent)

    assert [line.partition(":")[0] for line in found] == [
        "AUTHSVC_TLS_CERT",
        "AUTHSVC_TLS_KEY",
        "AUTHSVC_TLS_CLIENT_CA",
    ]
    assert all("No such file" in line for line in found)


def test_p_cfg_1_files_without_pem_are_all_named_and_their_content_is_not(
    files: CertificateFiles,
) -> None:
    assert files.client_ca is not None
    for path in (files.chain, files.key, files.client_ca):
        path.write_text("hunter2")

    found = faults(files)

    assert len(found) == 3
    assert "holds no certificate" in found[0]
    assert "holds no private key" in found[1]
    assert "holds no certificate" in found[2]
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize("kept", [0, 1, 40, 100])
def test_p_cfg_1_a_file_that_was_cut_off_is_a_fault(files: CertificateFiles, kept: int) -> None:
    files.chain.write_bytes(files.chain.read_bytes()[:kept])

    assert "holds no certificate" in fault(files)


def test_p_cfg_1_a_chain_that_was_cut_off_is_a_fault(files: CertificateFiles) -> None:
    whole = files.chain.read_bytes()
    files.chain.write_bytes(whole + CA.certificate[: len(CA.certificate) // 2])

    assert "was cut off" in fault(files)


def test_p_cfg_1_a_client_ca_that_is_a_key_is_a_fault(files: CertificateFiles) -> None:
    assert "holds no certificate" in fault(replace(files, client_ca=files.key))


def test_p_cfg_1_the_key_of_another_certificate_is_a_fault(
    files: CertificateFiles, tmp_path: Path
) -> None:
    files.chain.write_bytes(CA.server().certificate)

    assert "is not the key of the certificate" in fault(files)


def test_p_cfg_1_an_expired_certificate_is_a_fault(files: CertificateFiles, tmp_path: Path) -> None:
    CA.server(begin=-2 * DAY, end=-DAY).write(tmp_path)

    assert "expired at" in fault(files)


def test_p_cfg_1_a_certificate_of_the_future_is_a_fault(
    files: CertificateFiles, tmp_path: Path
) -> None:
    CA.server(begin=DAY, end=2 * DAY).write(tmp_path)

    assert "not valid before" in fault(files)


def test_p_cfg_1_a_key_behind_a_passphrase_is_a_fault(files: CertificateFiles) -> None:
    key = load_pem_private_key(files.key.read_bytes(), password=None)
    files.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
    )

    assert "encrypted with a passphrase" in fault(files)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_p_cfg_1_a_key_that_others_can_touch_is_a_fault(files: CertificateFiles, mode: int) -> None:
    files.key.chmod(mode)

    assert f"chmod go-rwx {files.key}" in fault(files)
    assert faults(replace(files, key_must_be_private=False)) == ()


_READ_AS_NOBODY = """
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from authsvc.config import ConfigurationError
from authsvc.server_certificate import CertificateFiles
chain, key = map(Path, sys.argv[1:3])
nobody = int(sys.argv[3])
os.setgroups([])
os.setegid(nobody)
os.seteuid(nobody)
files = CertificateFiles(chain=chain, key=key, client_ca=None, key_must_be_private=True)
try:
    files.read(datetime.now(UTC))
except ConfigurationError as error:
    print(*error.faults)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize(
    ("owner", "mode", "said"),
    [
        (0, 0o640, ""),
        (0, 0o644, "is open to other users"),
        (_NOBODY, 0o640, "is open to other users"),
    ],
)
def test_p_cfg_1_the_group_may_read_a_key_that_is_roots_alone(
    owner: int, mode: int, said: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        certificate, key = CA.server().write(directory)
        os.chown(key, owner, _NOBODY)
        key.chmod(mode)

        told = subprocess.run(
            [sys.executable, "-c", _READ_AS_NOBODY, certificate, key, str(_NOBODY)],
            capture_output=True,
            text=True,
            check=False,
        )

    assert (said in told.stdout) if said else told.stdout == "", told.stderr
    assert told.stderr == ""


@given(
    which=st.sampled_from(["chain", "key", "client_ca"]),
    place=st.floats(0, 1, exclude_max=True),
    byte=st.integers(0, 255),
    length=st.integers(0, 8),
)
def test_whatever_a_file_holds_reading_it_ends_in_a_fault_or_a_pair(
    which: str, place: float, byte: int, length: int
) -> None:
    # In the DER, of which the text is made anew: else nearly all would fail to be base64.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        chain, key = SERVER.write(directory)
        client_ca = directory / "ca.pem"
        client_ca.write_bytes(CA.certificate)
        files = CertificateFiles(
            chain=chain, key=key, client_ca=client_ca, key_must_be_private=True
        )
        path: Path = getattr(files, which)
        first, *body, last = path.read_text().splitlines()
        der = bytearray(base64.b64decode("".join(body)))
        at = int(place * len(der))
        der[at : at + length] = bytes([byte]) * max(1, length)
        text = base64.b64encode(der).decode()
        path.write_text(f"{first}\n{text}\n{last}\n")

        faults(files)


def test_a_traditional_ec_key_is_read(files: CertificateFiles) -> None:
    key = load_pem_private_key(files.key.read_bytes(), password=None)
    files.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )

    assert faults(files) == ()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.ahead


def _current(watched: WatchedCertificate) -> ServerCertificate:
    watched.renew()
    return watched.current


def test_a_new_pair_is_taken(files: CertificateFiles, tmp_path: Path) -> None:
    watched = WatchedCertificate(files, clock=now)
    first = watched.current
    assert _current(watched) is first

    CA.server().write(tmp_path)

    assert _current(watched).chain == files.chain.read_bytes() != first.chain


def test_a_pair_that_was_replaced_by_a_link_is_taken(tmp_path: Path) -> None:
    # As secrets are mounted: a directory behind a symbolic link that is turned to another.
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        CA.server().write(tmp_path / name)
    link = tmp_path / "now"
    link.symlink_to("one")
    files = CertificateFiles(
        chain=link / "server.pem",
        key=link / "server-key.pem",
        client_ca=None,
        key_must_be_private=True,
    )
    watched = WatchedCertificate(files, clock=now)

    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(link)

    assert _current(watched).chain == (tmp_path / "two" / "server.pem").read_bytes()


def test_p_dur_2_a_half_written_pair_is_told_of_once_and_the_last_good_one_stays(
    files: CertificateFiles, tmp_path: Path
) -> None:
    with logged() as log:
        watched = WatchedCertificate(files, clock=now)
        first = watched.current
        second = CA.server()
        for half in (second.certificate[:200], second.certificate):
            files.chain.write_bytes(half)
            for _ in range(3):
                assert _current(watched) is first

        refused = [x for x in log.lines if x["event"] == "certificate not reloaded"]
        assert [len(line["faults"]) for line in refused] == [1, 1]
        assert "holds no certificate" in refused[0]["faults"][0]
        assert "is not the key" in refused[1]["faults"][0]
        assert "PRIVATE KEY" not in log.text

        files.key.write_bytes(second.key)
        assert _current(watched).chain == second.certificate


def test_p_dur_2_files_that_vanish_leave_the_last_good_pair(files: CertificateFiles) -> None:
    with logged() as log:
        watched = WatchedCertificate(files, clock=now)
        first = watched.current
        files.key.unlink()

        assert _current(watched) is first
        assert "No such file" in log.text


def test_p_dur_2_an_expired_pair_is_not_taken_for_a_good_one(
    files: CertificateFiles, tmp_path: Path
) -> None:
    watched = WatchedCertificate(files, clock=now)
    first = watched.current
    CA.server(begin=-2 * DAY, end=-DAY).write(tmp_path)

    assert _current(watched) is first


def test_a_pair_of_the_future_is_taken_when_its_time_has_come(
    files: CertificateFiles, tmp_path: Path
) -> None:
    clock = Clock()
    watched = WatchedCertificate(files, clock=clock)
    first = watched.current
    CA.server(begin=DAY / 2, end=2 * DAY).write(tmp_path)
    assert _current(watched) is first

    clock.ahead = DAY / 2 + timedelta(minutes=1)

    assert _current(watched).chain == files.chain.read_bytes() != first.chain


def test_the_end_of_the_certificate_is_told_once(files: CertificateFiles, tmp_path: Path) -> None:
    with logged() as log:
        clock = Clock()
        watched = WatchedCertificate(files, clock=clock)
        clock.ahead = 2 * DAY
        watched.renew()
        watched.renew()

        assert log.text.count("certificate has expired") == 1

        CA.server(end=4 * DAY).write(tmp_path)
        watched.renew()
        clock.ahead = 5 * DAY
        watched.renew()

        assert log.text.count("certificate has expired") == 2

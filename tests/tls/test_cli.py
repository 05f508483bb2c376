"""Commands speak TLS, and `authsvc certs dev` makes what they need for it."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner, Result

from authsvc.cli import app
from authsvc.server_certificate import CertificateFiles
from authsvc.system_clock import steady_clock
from tests.porch.processes import clean_environment
from tests.tls.certificates import Pair, spiffe
from tests.tls.conftest import Mutual


def _authsvc(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "authsvc.cli", *arguments],
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _here(*arguments: str) -> Result:
    """Run a command that changes nothing of this process, in it."""
    return CliRunner().invoke(app, arguments)


@pytest.fixture(name="certs", scope="module")
def _certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one run makes."""
    directory = Path(tmp_path_factory.mktemp("dev")) / "certs"
    made = _here("certs", "dev", "--dir", str(directory), "--name", "orders", "--name", "b-2")
    assert made.exit_code == 0, made.stderr
    for part in ("authsvc up", "grpcurl -cacert", "spiffe://dev.localhost/orders"):
        assert part in made.stdout
    return directory


def test_what_is_made_is_for_this_user_alone_and_lacks_the_key_of_the_ca(certs: Path) -> None:
    assert {file.name for file in certs.iterdir()} == {
        "ca.pem",
        *("server.pem", "server-key.pem"),
        *("orders.pem", "orders-key.pem"),
        *("b-2.pem", "b-2-key.pem"),
    }
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in certs.iterdir())
    assert stat.S_IMODE(certs.stat().st_mode) == 0o700


def test_a_server_takes_what_is_made(certs: Path) -> None:
    files = CertificateFiles(
        chain=certs / "server.pem",
        key=certs / "server-key.pem",
        client_ca=certs / "ca.pem",
        key_must_be_private=True,
    )

    read = files.read(steady_clock()())

    assert (read.end_time - read.start_time).days == 30


def test_each_client_has_its_spiffe_id(certs: Path) -> None:
    for name in ("orders", "b-2"):
        certificate = x509.load_pem_x509_certificate((certs / f"{name}.pem").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert list(names.value) == [
            x509.UniformResourceIdentifier(f"spiffe://dev.localhost/{name}")
        ]


def test_nothing_is_overwritten_unless_forced(certs: Path) -> None:
    before = {file: file.read_bytes() for file in certs.iterdir()}

    refused = _here("certs", "dev", "--dir", str(certs), "--name", "new")
    assert refused.exit_code == 1
    assert "server-key.pem. Use --force" in refused.stderr
    assert {file: file.read_bytes() for file in certs.iterdir()} == before

    forced = _here("certs", "dev", "--dir", str(certs), "--name", "orders", "--force")
    assert forced.exit_code == 0
    assert (certs / "ca.pem").read_bytes() != before[certs / "ca.pem"]


@pytest.mark.parametrize("name", ["ca", "server", "server-key", "../x", "A", ""])
def test_a_client_whose_files_would_be_others_is_refused(tmp_path: Path, name: str) -> None:
    refused = _here("certs", "dev", "--dir", str(tmp_path), "--name", name)

    assert refused.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def _options(mutual: Mutual, directory: Path, client: Pair) -> list[str]:
    certificate, key = client.write(directory, "client")
    return [
        *("--cacert", str(mutual.directory / "ca.pem")),
        *("--cert", str(certificate), "--key", str(key)),
    ]


def test_commands_speak_tls_by_options_and_by_variables(mutual: Mutual, tmp_path: Path) -> None:
    mutual.service_account("spiffe://test.example/ops", scopes=("authsvc.keys.read",))
    options = _options(mutual, tmp_path, mutual.certified(spiffe("ops")))
    server = ("--server", mutual.service.address)

    listed = _authsvc(*options, "keys", "list", *server)
    assert listed.returncode == 0, listed.stderr
    assert "ACTIVE" in listed.stdout

    healthy = _authsvc(
        *("healthcheck", *server),
        AUTHSVC_SERVER_CA=options[1],
        AUTHSVC_CLIENT_CERT=options[3],
        AUTHSVC_CLIENT_KEY=options[5],
        AUTHSVC_SERVER_NAME="localhost",
    )
    assert healthy.stdout == "SERVING\n"


def test_what_is_wrong_with_the_connection_is_one_line(mutual: Mutual, tmp_path: Path) -> None:
    options = _options(mutual, tmp_path, mutual.certified(spiffe("ops")))
    garbage = tmp_path / "garbage"
    garbage.write_text("hunter2")
    wrong: dict[str, list[str]] = {
        "with --cacert": [],
        "Hostname": [*options, "--servername", "other.example"],
        "go together": options[2:],
        "is not in PEM": ["--cacert", str(garbage)],
    }
    for said, given in wrong.items():
        refused = _authsvc(*given, "keys", "list", "--server", mutual.service.address)
        assert refused.returncode == 1
        (line,) = refused.stderr.splitlines()
        assert said in line
        assert "hunter2" not in line


def test_a_service_account_takes_names_of_certificates(tmp_path: Path) -> None:
    assert _here("migrate", "--data", str(tmp_path)).exit_code == 0
    names = ("spiffe://a.example/x", "b.example")
    given = [part for name in names for part in ("--certificate-name", name)]

    def create(service: str, *arguments: str) -> str:
        everything = ("--method", "*", "--audience", "*", "--data", str(tmp_path))
        return _here("services", "create", service, *arguments, *everything).stderr

    assert "service_account.created" in create("one", *given)
    assert "Another service account has" in create("two", *given[:2])
    for wrong in ("*.example", "B.example", "https://a.example", "spiffe://a", "x" * 64, "a..b"):
        assert "certificate_names" in create("three", "--certificate-name", wrong)

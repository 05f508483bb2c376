"""Which configurations of TLS do not start; the command line says it as the server does."""

import base64
import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from authsvc.config import Config
from authsvc.configuration_faults import faults
from tests.porch.processes import clean_environment
from tests.tls.certificates import DAY, Authority

CA = Authority()
GOOD: dict[str, Any] = {
    "mode": "production",
    "master_key": base64.b64encode(secrets.token_bytes(32)).decode(),
    "redis_url": "redis://127.0.0.1/0",
}


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> dict[str, Path]:
    certificate, key = CA.server().write(tmp_path)
    client_ca = tmp_path / "ca.pem"
    client_ca.write_bytes(CA.certificate)
    return {"tls_cert": certificate, "tls_key": key, "tls_client_ca": client_ca}


def _faults(**changes: Any) -> list[str]:
    return faults(Config(**{**GOOD, **changes}), environment={})


def test_p_cfg_1_with_a_certificate_it_may_listen_off_loopback(files: dict[str, Path]) -> None:
    assert _faults(listen="0.0.0.0:50051", **files) == []
    assert _faults(listen="[::]:50051", **files | {"tls_client_ca": None}) == []


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("tls_cert",), "go together"),
        (("tls_key",), "go together"),
        (("tls_cert", "tls_key"), "AUTHSVC_TLS_CLIENT_CA needs"),
    ],
)
def test_p_cfg_1_half_a_configuration_of_tls_is_a_fault(
    files: dict[str, Path], missing: tuple[str, ...], said: str
) -> None:
    given = {name: path for name, path in files.items() if name not in missing}

    assert any(said in fault for fault in _faults(**given))


def test_p_cfg_1_the_native_transport_refuses_tls(files: dict[str, Path]) -> None:
    (fault,) = _faults(transport="native", **files)

    assert "never encrypts" in fault


def test_p_cfg_1_dev_mode_reads_the_files_too(files: dict[str, Path]) -> None:
    files["tls_key"].chmod(0o644)
    assert faults(Config(mode="dev", **files), environment={}) == []

    files["tls_cert"].write_text("nothing")
    (fault,) = faults(Config(mode="dev", **files), environment={})
    assert "holds no certificate" in fault


def _check_config(**variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "authsvc.cli", "check-config"],
        env=clean_environment(
            AUTHSVC_MASTER_KEY=GOOD["master_key"],
            AUTHSVC_REDIS_URL=GOOD["redis_url"],
            **variables,
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_p_cfg_1_check_config_names_all_faults_of_the_files_together(
    files: dict[str, Path], tmp_path: Path
) -> None:
    expired = CA.server(begin=-2 * DAY, end=-DAY)
    files["tls_cert"].write_bytes(expired.certificate)
    files["tls_client_ca"].write_text("nothing")

    told = _check_config(
        AUTHSVC_LISTEN="0.0.0.0:50051",
        AUTHSVC_LOG_LEVEL="debug",
        **{f"AUTHSVC_{name.upper()}": str(path) for name, path in files.items()},
    )

    assert told.returncode == 1
    lines = told.stderr.splitlines()
    assert len(lines) == 4, json.dumps(lines, indent=1)
    for said in ("expired at", "is not the key", "ca.pem holds no certificate", "LOG_LEVEL"):
        assert said in told.stderr
    assert "PRIVATE KEY" not in told.stderr


def test_the_settings_of_commands_that_call_a_server_are_known() -> None:
    for name in ("SERVER_CA", "SERVER_NAME", "CLIENT_CERT", "CLIENT_KEY"):
        assert faults(Config(**GOOD), environment={f"AUTHSVC_{name}": "x"}) == []

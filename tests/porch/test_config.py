"""Insecure or contradictory configurations do not start, and say why without telling secrets."""

import base64
import os
import secrets
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from authsvc.config import Config, ConfigurationError, load
from authsvc.configuration_faults import faults
from authsvc.configuration_values import decode_master_key, parse_duration
from tests.porch.processes import clean_environment

GOOD_KEY = base64.b64encode(secrets.token_bytes(32)).decode()
GOOD: dict[str, Any] = {
    "mode": "production",
    "master_key": GOOD_KEY,
    "redis_url": "redis://:open-sesame@127.0.0.1/0",
}
INSECURE: dict[str, tuple[dict[str, Any], str]] = {
    "no master key": ({"master_key": None}, "AUTHSVC_MASTER_KEY is missing"),
    "short master key": ({"master_key": "c2hvcnQ="}, "holds 5 bytes instead of 32"),
    "garbled master key": ({"master_key": "no base64 at all!"}, "neither base64 nor hex"),
    "repeated byte": ({"master_key": "ab" * 32}, "can be guessed"),
    "counted bytes": ({"master_key": bytes(range(32)).hex()}, "can be guessed"),
    "typed phrase": (
        {"master_key": base64.b64encode(b"change-me-change-me-change-me-32").decode()},
        "can be guessed",
    ),
    "embedded redis": ({"redis_url": None}, "AUTHSVC_REDIS_URL is missing"),
    "plaintext off loopback": ({"listen": "0.0.0.0:50051"}, "not encrypted"),
    "plaintext off loopback, IPv6": ({"listen": "[::]:50051"}, "not encrypted"),
    "issuer in the clear": ({"issuer": "http://auth.example"}, "AUTHSVC_ISSUER"),
    "reflection": ({"reflection": True}, "AUTHSVC_REFLECTION"),
    "debug logging": ({"log_level": "debug"}, "AUTHSVC_LOG_LEVEL"),
    "anybody, any scope": ({"require_caller": False}, "AUTHSVC_REQUIRE_CALLER"),
    "few argon2 passes": ({"argon2_time_cost": 1}, "AUTHSVC_ARGON2_TIME_COST"),
    "little argon2 memory": ({"argon2_memory_cost_kib": 19455}, "AUTHSVC_ARGON2"),
    "short publication": (
        {"key_publication_time": timedelta(minutes=4)},
        "AUTHSVC_KEY_PUBLICATION_TIME is under",
    ),
    "idle beyond absolute": (
        {"session_idle_lifetime": timedelta(days=91)},
        "AUTHSVC_SESSION_IDLE_LIFETIME",
    ),
    "long grace": ({"refresh_grace": timedelta(seconds=61)}, "AUTHSVC_REFRESH_GRACE"),
    "rotation before publication": (
        {"key_rotation_period": timedelta(minutes=15)},
        "AUTHSVC_KEY_ROTATION_PERIOD",
    ),
    "foreign default audience": ({"audiences": ("other",)}, "AUTHSVC_DEFAULT_AUDIENCE"),
}


def _faults(**changes: Any) -> list[str]:
    return faults(Config(**{**GOOD, **changes}), environment={})


def test_p_cfg_1_a_transport_that_is_not_installed_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _faults(transport="native") == []
    monkeypatch.setitem(sys.modules, "pygrpc_native", None)
    (fault,) = _faults(transport="native")
    assert "pip install 'authsvc[native]'" in fault


def test_p_cfg_1_traces_that_nothing_can_send_do_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _faults(traces_endpoint="http://collector:4317") == []
    for missing in ("opentelemetry.exporter.otlp.proto.grpc", "opentelemetry"):
        monkeypatch.setitem(sys.modules, missing, None)
        (fault,) = _faults(traces_endpoint="http://collector:4317")
        assert "pip install 'authsvc[otel]'" in fault


@pytest.mark.parametrize(
    "endpoint",
    [
        "collector:4317",
        "http://collector",
        "http://user:secret@collector:4317",
        "http://c:1/v1",
        "",
    ],
)
def test_an_endpoint_of_traces_is_a_host_and_a_port(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="AUTHSVC_TRACES_ENDPOINT") as caught:
        load(traces_endpoint=endpoint)
    assert "secret" not in str(caught.value)


def test_p_cfg_1_the_native_transport_off_loopback_needs_a_mesh() -> None:
    (fault,) = _faults(transport="native", listen="0.0.0.0:50051")
    assert "AUTHSVC_TLS_TERMINATED_BY_MESH" in fault
    assert not _faults(transport="native", listen="0.0.0.0:50051", tls_terminated_by_mesh=True)


@pytest.mark.parametrize(
    ("rp_id", "origins"),
    [
        ("", ()),
        ("example.com", ()),
        ("example.com", ("https://example.com", "https://a.b.example.com:8443")),
        ("localhost", ("http://localhost:3000", "https://localhost")),
    ],
)
def test_p_cfg_1_pages_that_may_use_passkeys(rp_id: str, origins: tuple[str, ...]) -> None:
    assert _faults(webauthn_rp_id=rp_id, webauthn_origins=origins) == []


@pytest.mark.parametrize(
    ("rp_id", "origin", "fault"),
    [
        ("", "https://example.com", "without AUTHSVC_WEBAUTHN_RP_ID"),
        ("example.com", "http://example.com", "is not encrypted"),
        ("example.com", "https://badexample.com", "is neither AUTHSVC_WEBAUTHN_RP_ID nor under it"),
        ("example.com", "https://com", "is neither AUTHSVC_WEBAUTHN_RP_ID nor under it"),
        ("example.com", "https://example.com/", "is no origin"),
        ("example.com", "https://Example.com", "is no origin"),
        ("example.com", "*", "is no origin"),
    ],
)
def test_p_cfg_1_pages_that_may_not_use_passkeys(rp_id: str, origin: str, fault: str) -> None:
    (found,) = _faults(webauthn_rp_id=rp_id, webauthn_origins=(origin,))
    assert found.startswith("AUTHSVC_WEBAUTHN_ORIGINS")
    assert fault in found


@pytest.mark.parametrize("rp_id", ["Example.com", "https://example.com", "example.com.", "a..b"])
def test_p_cfg_1_what_is_no_domain_is_not_taken_for_one(rp_id: str) -> None:
    with pytest.raises(ConfigurationError, match="AUTHSVC_WEBAUTHN_RP_ID"):
        load(webauthn_rp_id=rp_id)


def test_p_cfg_1_a_sound_production_configuration_has_no_fault() -> None:
    assert _faults() == []
    assert _faults(listen="0.0.0.0:50051", tls_terminated_by_mesh=True) == []
    assert _faults(http="0.0.0.0:8080") == []


@pytest.mark.parametrize("name", INSECURE)
def test_p_cfg_1_each_insecure_setting_alone_is_one_fault(name: str) -> None:
    changes, sentence = INSECURE[name]

    found = _faults(**changes)

    assert len(found) == 1
    assert sentence in found[0]


def test_p_cfg_1_lanes_of_argon2_need_memory_each() -> None:
    cheap = {"mode": "dev", "argon2_memory_cost_kib": 31}
    (fault,) = _faults(**cheap, argon2_parallelism=4)
    assert "AUTHSVC_ARGON2_PARALLELISM" in fault
    assert _faults(**cheap, argon2_parallelism=3) == []


@pytest.mark.parametrize(
    ("peppers", "fault"),
    [
        (" ", "AUTHSVC_PASSWORD_PEPPERS is empty"),
        (GOOD_KEY, "an entry without an id"),
        (f"K1:{GOOD_KEY}", "an entry without an id"),
        ("k1:c2hvcnQ=", "k1, that holds 5 bytes"),
        ("k1:", "k1, that holds 0 bytes"),
        (f"k:{GOOD_KEY},k:{GOOD_KEY}", "two entries with the id k"),
        (f"k1:{GOOD_KEY}\nk2:{'61' * 32}", "k2, that is not random"),
    ],
    ids=["none", "no id", "capitals", "short", "no key", "twice", "typed"],
)
def test_p_cfg_1_peppers_that_protect_nothing_do_not_start(peppers: str, fault: str) -> None:
    (told,) = _faults(password_peppers=peppers)
    assert fault in told
    assert GOOD_KEY not in told
    assert "c2hv" not in told


def test_p_cfg_1_all_insecure_settings_are_named_together() -> None:
    together: dict[str, Any] = {}
    for changes, _ in INSECURE.values():
        together.update(changes)
    together |= {"master_key": "ab" * 32, "key_publication_time": timedelta(minutes=4)}
    together |= {"key_rotation_period": timedelta(minutes=3)}

    found = "\n".join(_faults(**together))

    alternatives = {"no master key", "short master key", "garbled master key"}
    for name in INSECURE.keys() - alternatives:
        assert INSECURE[name][1] in found, name


def test_p_cfg_1_no_fault_and_no_repr_tells_a_secret() -> None:
    for key in ("c2hvcnQ=", "ab" * 32, GOOD_KEY):
        config = Config(**{**GOOD, "master_key": key, "log_level": "debug"})
        told = "\n".join([*faults(config, environment={}), repr(config), str(config)])
        assert key not in told
        assert "open-sesame" not in told


@pytest.mark.parametrize("field", ["listen", "http"])
@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.7:1", "auth.example:1"])
def test_p_cfg_1_dev_mode_listens_on_loopback_only(field: str, address: str) -> None:
    addresses: dict[str, Any] = {field: address}

    (fault,) = faults(Config(mode="dev", **addresses), environment={})

    assert "loopback" in fault


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "[::1]:0", "127.9.9.9:0"])
def test_dev_mode_accepts_every_loopback_address(address: str) -> None:
    assert faults(Config(mode="dev", listen=address), environment={}) == []


def test_defaults_follow_the_mode() -> None:
    production, dev = Config(**GOOD), Config(mode="dev")

    assert (production.require_caller, production.reflection) == (True, False)
    assert (dev.require_caller, dev.reflection) == (False, True)
    assert Config(mode="dev", require_caller=True).require_caller


def test_dev_mode_may_hash_cheaply_but_keeps_the_password_length() -> None:
    cheap = Config(mode="dev", argon2_time_cost=1, argon2_memory_cost_kib=8)

    assert faults(cheap, environment={}) == []
    assert cheap.password_min_length == 15


def test_values_that_are_not_understood_are_named_by_their_variables_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(listen="nowhere", workers=0, access_token_lifetime="2h", drain_grace="soon")

    found = "\n".join(caught.value.faults)
    for name in ("LISTEN", "WORKERS", "ACCESS_TOKEN_LIFETIME", "DRAIN_GRACE"):
        assert f"AUTHSVC_{name}: " in found
    assert len(caught.value.faults) == 4


def test_p_cfg_1_a_secret_file_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(GOOD_KEY, encoding="ascii")
    environment = {"AUTHSVC_MASTER_KEY_FILE": str(path)}

    path.chmod(0o600)
    assert faults(Config(**GOOD), environment=environment) == []
    path.chmod(0o604)
    assert "chmod o-rwx" in faults(Config(**GOOD), environment=environment)[0]


def test_unknown_and_doubled_variables_are_faults() -> None:
    environment = {
        "AUTHSVC_REQUIRE_CALLERS": "true",
        "AUTHSVC_REDIS_URL": "redis://x",
        "AUTHSVC_REDIS_URL_FILE": "/nowhere",
    }

    found = faults(Config(**GOOD), environment=environment)

    assert len(found) == 2
    assert "AUTHSVC_REQUIRE_CALLERS" in found[0]
    assert "both set" in found[1]


def test_secrets_are_read_from_the_files_that_the_environment_names(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("redis://:hunter2@127.0.0.1/3\n", encoding="ascii")
    program = "from authsvc.config import load; print(load().redis_url.get_secret_value())"

    read = _run(program, AUTHSVC_REDIS_URL_FILE=str(path))
    lost = _run(program, AUTHSVC_REDIS_URL_FILE=str(tmp_path / "lost"))

    assert read.stdout.strip() == "redis://:hunter2@127.0.0.1/3"
    assert "AUTHSVC_REDIS_URL_FILE: can't read" in lost.stderr


def test_words_and_durations_are_read_from_the_environment() -> None:
    program = (
        "from authsvc.config import load; c = load(); print(c.audiences, c.access_token_lifetime)"
    )

    told = _run(program, AUTHSVC_AUDIENCES="orders  billing", AUTHSVC_ACCESS_TOKEN_LIFETIME="5m")

    assert told.stdout.strip() == "('orders', 'billing') 0:05:00"


@pytest.mark.parametrize(
    ("text", "seconds"), [("45", 45), ("250ms", 0.25), ("10m", 600), ("12h", 43200), ("1d", 86400)]
)
def test_durations_are_written_with_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-1", "1 fortnight", "m", "1e9", "٣s", "999999999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_a_master_key_is_read_in_base64_base64url_and_hexadecimal() -> None:
    key = os.urandom(32)

    assert decode_master_key(key.hex()) == key
    assert decode_master_key(base64.b64encode(key).decode() + "\n") == key
    assert decode_master_key(base64.urlsafe_b64encode(key).decode().rstrip("=")) == key


def test_every_setting_is_described() -> None:
    assert [name for name, field in Config.model_fields.items() if not field.description] == []


def _run(program: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

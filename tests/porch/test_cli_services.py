"""`authsvc services` in the database, in this process: only the first caller needs a new one."""

import base64
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from authn.v1.token_service_pb2 import GetJwksRequest
from click.testing import Result
from typer.testing import CliRunner

from authsvc.cli import app
from authsvc.configuration_values import decode_master_key
from authsvc.domain.event_reading import EventReader
from authsvc.domain.events import Event
from authsvc.embedded import dev_master_key
from authsvc.recording import event_chain
from authsvc.stores.sql import migrate
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.events import SqlEventStore
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.settings import SqlSettings
from tests.callers import make_caller, service_token
from tests.porch.processes import eventually
from tests.service import MASTER_KEY, Service, bearer, running
from tests.stores.hot.servers import valkey
from tests.transport.calls import outcome
from tests.verify.minting import JWKS


@pytest.fixture(name="data")
def _data(tmp_path: Path) -> Path:
    """A directory with a migrated database."""
    engine = connect(f"sqlite:///{tmp_path}/authsvc.db")
    migrate.upgrade(engine)
    engine.dispose()
    return tmp_path


def services(data: Path, *arguments: str, **environment: str) -> Result:
    """Run a command of the group."""
    command = ["services", *arguments, "--data", str(data)]
    return CliRunner().invoke(app, command, env=environment)


def kept_events(data: Path, master_key: str) -> list[Event]:
    """Read what happened from the database, if nobody has changed it."""
    engine = connect(f"sqlite:///{data}/authsvc.db")
    chain = event_chain(SqlSettings(engine, Sealer(decode_master_key(master_key))))
    store = SqlEventStore(engine, chain)
    kept = store.after(0, limit=1_000)
    assert EventReader(store).audit(chain, since=None)[1] is None
    engine.dispose()
    return [each.event for each in kept]


def test_p_int_1_a_service_is_made_with_lists_and_they_are_checked(data: Path) -> None:
    without = services(data, "create", "orders")
    wrong = services(data, "create", "o", "--method", "x", "--audience", "a")
    reserved = services(data, "create", "dev", "--method", "*", "--audience", "*")

    assert (without.exit_code, wrong.exit_code, reserved.exit_code) == (2, 1, 1)
    assert "--method" in without.stderr
    assert "methods[0]" in wrong.stderr
    assert "name: This name stands for no service." in reserved.stderr


def test_a_service_is_looked_after_from_its_first_day_to_its_last(data: Path) -> None:
    jwk = data / "key.json"
    jwk.write_text(json.dumps(JWKS["EdDSA"]))
    for step in (
        ("create", "orders", "--method", "*", "--audience", "*", "--public-key", str(jwk)),
        ("allow", "orders", "--scope", "a", "--certificate-name", "spiffe://corp.example/orders"),
        ("allow", "orders", "--own-audience", "o", "--own-audience", "p"),
        ("create-key", "orders", "--scope", "a", "--lifetime", "90d", "--display-name", "ci"),
        ("disable", "orders"),
    ):
        assert services(data, *step).exit_code == 0

    shown = json.loads(services(data, "show", "orders", "--json").stdout)
    (key,) = json.loads(services(data, "list-keys", "orders", "--json").stdout)
    assert (shown["state"], shown["scopes"], shown["methods"]) == ("DISABLED", "a", "*")
    assert (shown["audiences"], shown["own_audiences"]) == ("*", "o p")
    assert shown["certificate_names"] == "spiffe://corp.example/orders"
    assert shown["public_keys"] == JWKS["EdDSA"]["kid"]
    assert (key["display_name"], key["scopes"]) == ("ci", "a")
    assert services(data, "enable", "orders").exit_code == 0
    assert "service_account.deleted svc_" in services(data, "delete", "orders", "--yes").stderr
    assert "There is no such service" in services(data, "show", "orders").stderr

    kept = kept_events(data, dev_master_key(data))
    assert [event.type for event in kept] == [
        "service_account.created",
        "service_account.updated",
        "service_account.updated",
        "api_key.created",
        "service_account.disabled",
        "service_account.enabled",
        "service_account.deleted",
    ]
    assert {event.actor for event in kept} == {"cli"}


@pytest.mark.parametrize("key", [None, base64.b64encode(bytes(32)).decode()])
def test_without_the_master_key_of_the_database_no_event_can_be_kept_and_nothing_is_done(
    key: str | None, data: Path
) -> None:
    database = {"AUTHSVC_DATABASE_URL": f"sqlite:///{data}/authsvc.db"}
    right = database | {"AUTHSVC_MASTER_KEY": MASTER_KEY}
    wrong = database | ({"AUTHSVC_MASTER_KEY": key} if key else {})
    create = partial(services, data, "create")
    lists = ("--method", "*", "--audience", "*")
    assert create("orders", *lists, **right).exit_code == 0

    refused = create("stock", *lists, **wrong)

    assert refused.exit_code == 1
    assert "AUTHSVC_MASTER_KEY" in refused.stderr
    assert not (data / "master.key").exists()
    assert services(data, "show", "stock", **right).exit_code == 1


def test_each_act_says_what_came_of_it_as_what_it_was_recorded_and_what_to_do_next(
    data: Path,
) -> None:
    none = services(data, "list")
    made = services(data, "create", "orders", "--method", "*", "--audience", "*")
    no_keys = services(data, "list-keys", "orders")
    key = services(data, "create-key", "orders")
    key_id = key.stderr.partition("The key ")[2].split()[0]
    ended = services(data, "revoke-key", key_id)
    disabled, enabled = services(data, "disable", "orders"), services(data, "enable", "orders")
    gone = services(data, "delete", "orders", "--yes")

    assert (none.stdout, "authsvc services create" in none.stderr) == ("", True)
    assert "name\torders\n" in made.stdout
    assert "Recorded: service_account.created svc_" in made.stderr
    assert "authsvc services create-key orders" in made.stderr
    assert (no_keys.stdout, "authsvc services create-key orders" in no_keys.stderr) == ("", True)
    assert key.stdout.startswith("ask_")
    assert key.stdout.count("\n") == 1, "the key alone, to be kept by a script"
    assert key.stdout.strip() not in key.stderr
    assert f"The key {key_id} is revoked" in ended.stdout
    assert "The service orders can't call any more" in disabled.stdout
    assert "The service orders may call" in enabled.stdout
    assert "The service orders is gone" in gone.stdout
    for act, kind in ((ended, "api_key.revoked"), (gone, "service_account.deleted")):
        assert f"Recorded: {kind} " in act.stderr


@pytest.mark.parametrize("content", ["", "[]", '{"kty": 1}', '{"kty": "oct", "k": "AA"}'])
def test_a_file_that_holds_no_public_key_is_refused(content: str, data: Path) -> None:
    jwk = data / "key.json"
    jwk.write_text(content)
    lists = ("--method", "*", "--audience", "*", "--public-key", str(jwk))

    assert services(data, "create", "orders", *lists).exit_code == 1
    assert services(data, "show", "orders").exit_code == 1


@pytest.fixture(name="served", scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = Path(tmp_path_factory.mktemp("served"))
    key = dev_master_key(data)
    with valkey() as redis, running(data=data, redis_url=redis.url, master_key=key) as service:
        yield service


def test_p_int_1_servers_that_run_hear_of_what_the_command_ended(served: Service) -> None:
    data = served.app.config.data
    by_key, by_name = make_caller(served), make_caller(served)
    token = service_token(served, by_key.metadata).access_token

    def answer(metadata: tuple[tuple[str, str], ...]) -> str:
        return outcome(lambda: served.token.GetJwks(GetJwksRequest(), metadata=metadata))

    used = (by_key.metadata, by_name.metadata, bearer(token))
    assert [answer(metadata) for metadata in used] == ["OK"] * 3
    assert services(data, "revoke-key", by_key.key_id).exit_code == 0
    assert services(data, "disable", by_name.name).exit_code == 0
    last = [(event.type, event.actor) for event in kept_events(data, dev_master_key(data))[-2:]]
    assert last == [("api_key.revoked", "cli"), ("service_account.disabled", "cli")]

    expected = ["CALLER_UNAUTHENTICATED", "CALLER_UNAUTHENTICATED", "TOKEN_INACTIVE"]
    assert eventually(lambda: [answer(metadata) for metadata in used] == expected)

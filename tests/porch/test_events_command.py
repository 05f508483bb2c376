"""`authsvc events` shows what happened, and finds what was done to the record of it."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authsvc.domain.event_relay import DeadLetter
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.migrate import upgrade
from tests.faults.outage import seconds_until
from tests.porch.processes import clean_environment
from tests.relay.kit import first_ids
from tests.servers.redis_streams import valkey_streams
from tests.service import MASTER_KEY, running
from tests.stores.hot.servers import valkey

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(name="events")
def _events(tmp_path: Path) -> Command:
    """Run `authsvc events` on the database of the test."""

    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "authsvc.cli", "events", *arguments],
            env=clean_environment(
                AUTHSVC_MASTER_KEY=MASTER_KEY, AUTHSVC_DATA=str(tmp_path), **environment
            ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_what_happened_is_shown_and_what_was_changed_is_found(
    events: Command, tmp_path: Path
) -> None:
    assert "authsvc migrate" in events("verify").stderr
    with valkey() as redis, running(data=tmp_path, redis_url=redis.url) as service:
        account_id = service.register().account.account_id
        shown = events("list", "--subject", account_id, "--server", service.address, "--json")
        assert [row["type"] for row in json.loads(shown.stdout)] == ["login", "account.created"]

        mark = events("verify").stdout.strip()
        service.register()
    assert events("verify", "--since", mark).returncode == 0
    assert events("verify", "--since", "1:x").returncode == 1

    database = sqlite3.connect(tmp_path / "authsvc.db")
    database.execute("UPDATE events SET subject = 'acc_x' WHERE sequence = 2")
    database.commit()
    changed = events("verify")
    assert changed.returncode == 1
    assert "Event 2" in changed.stderr
    assert events("verify", "--since", mark).returncode == 0  # it begins after the change

    database.execute("DELETE FROM events WHERE sequence > 2")
    database.execute("UPDATE events_head SET sequence = 2")
    database.commit()
    database.close()
    assert (
        "not kept any longer, or was removed" in events("verify", "--since", "4:" + 64 * "0").stderr
    )


@pytest.mark.slow
def test_dead_letters_are_listed_and_sent_again(events: Command, tmp_path: Path) -> None:
    with valkey_streams() as broker:
        sinks = f"audit={broker.url}"
        with running(
            data=tmp_path, redis_url=f"redis://127.0.0.1:{broker.port}/2", event_sinks=sinks
        ) as service:
            service.register()
            store, head = service.app.relaying.store, service.app.relaying.events.ends()[1]
            seconds_until(lambda: store.cursor("audit") == head.sequence, at_most=10)
            [first, *_] = service.app.relaying.events.after(0, limit=1)
            store.bury(
                [
                    DeadLetter(
                        sink="audit",
                        sequence=1,
                        event_id=first.event_id,
                        type=first.event.type,
                        reason="too long",
                        refuse_time=first.create_time,
                    )
                ]
            )
        [letter] = json.loads(events("dead-letters", "audit", "--json").stdout)
        assert (letter["event_id"], letter["reason"]) == (first.event_id, "too long")

        broker.empty()
        again = events("replay", "audit", AUTHSVC_EVENT_SINKS=sinks)
        assert (again.returncode, again.stderr) == (0, "1 taken, 0 refused\n")
        assert first_ids(broker.received()) == [first.event_id]
        assert json.loads(events("dead-letters", "audit", "--json").stdout) == []

        since = events("replay", "audit", "--after", "1", AUTHSVC_EVENT_SINKS=sinks)
        assert f"{head.sequence - 1} taken" in since.stderr
        assert len(broker.received()) == head.sequence

        beyond = events("replay", "audit", "--after", "99", AUTHSVC_EVENT_SINKS=sinks)
        assert beyond.returncode == 1
        assert "Not all events" in beyond.stderr
    away = events("replay", "audit", "--after", "0", AUTHSVC_EVENT_SINKS=sinks)
    assert away.returncode == 1
    assert "does not take events at present: ConnectionError" in away.stderr


def test_a_sink_that_is_not_configured_is_told(events: Command, tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/authsvc.db")
    upgrade(engine)
    engine.dispose()
    assert "names no sink audit" in events("replay", "audit").stderr
    wrong = events("replay", "audit", AUTHSVC_EVENT_SINKS="audit=redis://:hunter2@h/0")
    assert "without a stream" in wrong.stderr
    assert "hunter2" not in wrong.stderr

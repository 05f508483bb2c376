"""`authsvc events` shows what happened, and finds what was done to the record of it."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.porch.processes import clean_environment
from tests.service import MASTER_KEY, running
from tests.stores.hot.servers import valkey

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(name="events")
def _events(tmp_path: Path) -> Command:
    """Run `authsvc events` on the database of the test."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "authsvc.cli", "events", *arguments],
            env=clean_environment(AUTHSVC_MASTER_KEY=MASTER_KEY, AUTHSVC_DATA=str(tmp_path)),
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

"""How fast accounts come in from another system (P13), by the command line of an operator."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from benchmarks import harness
from benchmarks.harness import Options
from benchmarks.measurement import Result, at_least
from tests.servers.sql import postgres

IDS = ("P13",)

_ROWS, _FEW_ROWS = 100_000, 20_000
_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def measure(options: Options) -> Iterator[Result]:
    """Measure the budgets of this group."""
    rows = _FEW_ROWS if options.quick else _ROWS
    with harness.directory() as directory:
        file = directory / "accounts.jsonl"
        write_rows(file, rows)
        yield _measure("SQLite", nullcontext(None), file, rows)
        yield _measure("PostgreSQL", postgres(), file, rows)


def _measure(
    name: str, database: AbstractContextManager[str | None], file: Path, rows: int
) -> Result:
    with database as url, harness.directory() as data:
        settings = {"database_url": url} if url is not None else {}
        with harness.service(data, **settings) as service:
            seconds = _import(file, service.address)
    return Result(
        id="P13",
        name=f"bcrypt accounts imported into {name}",
        value=rows / seconds,
        unit="rows/s",
        yardstick=f"the clock, `authsvc accounts import` with {rows:,} rows, one worker",
        samples=(rows / seconds,),
        must=at_least(5_000),
    )


def write_rows(file: Path, count: int) -> None:
    """Write accounts with hashes of the form of bcrypt, in no order that an index could like."""
    chance = random.Random(13)
    with file.open("w", encoding="ascii") as output:
        for number in range(count):
            name = f"{chance.getrandbits(40):x}-{number}"
            salt, digest = (chance.choices(_ALPHABET, k=k) for k in (21, 30))
            row = {
                "external_id": number,
                "username": name,
                "email": f"{name}@example.com",
                "email_verified": True,
                "roles": ["member"],
                "password_hash": f"$2b$12${''.join(salt)}.{''.join(digest)}.",
                "create_time": "2020-01-31T12:00:00Z",
            }
            output.write(json.dumps(row) + "\n")


def _import(file: Path, address: str) -> float:
    command = [sys.executable, "-m", "authsvc.cli", "accounts", "import", str(file)]
    started = time.monotonic()
    with harness.program([*command, "--server", address], core=harness.LOAD_CORE) as process:
        if process.wait() != 0:
            raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - started

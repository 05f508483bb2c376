"""`authsvc accounts import` and `export`, and the lines of docs/import.md, as they stand."""

import csv
import io
import json
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.cli.import_file import BadLine, read_csv, read_json_lines
from tests.porch.processes import clean_environment
from tests.service import Service

_PAGE = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")


def _accounts(
    service: Service, *arguments: str, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "authsvc.cli", "accounts", *arguments],
        input=stdin,
        env=clean_environment(AUTHSVC_SERVER=service.address),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _read(results: Path) -> list[dict[str, str]]:
    with results.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_good_lines_are_imported_and_bad_ones_named_with_their_number(
    service: Service, tmp_path: Path
) -> None:
    unique = secrets.token_hex(6)
    lines = [
        json.dumps({"external_id": "a-1", "username": f"ada-{unique}", "roles": ["member"]}),
        "",
        "{",
        json.dumps({"username": f"bob-{unique}", "password": "never in a file"}),
        json.dumps({"username": f"cy-{unique}", "password_hash": "$1$x$AAAAAAAAAAAAAAAAAAAAAA"}),
        json.dumps({"username": f"dee-{unique}"}),
    ]
    file, results = tmp_path / "accounts.jsonl", tmp_path / "results.csv"
    file.write_text("\n".join(lines), encoding="utf-8")

    done = _accounts(service, "import", str(file), "--results", str(results))
    again = _accounts(service, "import", "-", stdin=lines[0] + "\n" + lines[5])

    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line.split(":")[0] for line in told[:3]] == ["line 3", "line 4", "line 5 (5)"]
    assert told[0] == "line 3: UNREADABLE: it is no JSON"
    assert "never in a file" not in done.stderr
    assert "UNSUPPORTED_HASH" in told[2]
    assert told[3] == "5 lines: 2 CREATED, 2 UNREADABLE, 1 UNSUPPORTED_HASH."
    written = _read(results)
    assert [one["line"] for one in written] == ["1", "3", "4", "5", "6"]
    assert (written[0]["external_id"], written[4]["external_id"]) == ("a-1", "6")
    assert (again.returncode, again.stderr) == (0, "2 lines: 2 ALREADY_EXISTS.\n")

    shown = json.loads(_accounts(service, "export", written[0]["account_id"]).stdout)
    assert shown["account"]["username"] == f"ada-{unique}"
    assert shown["account"]["roles"] == ["member"]


def test_more_rows_than_a_stream_takes_go_in_several(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("username\n" + "no name\n" * 10_001, encoding="utf-8")

    done = _accounts(service, "import", str(file))

    assert done.stderr.splitlines()[-1] == "10,001 lines: 10,001 INVALID."


def test_the_page_on_imports_runs(service: Service, tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", _PAGE, flags=re.DOTALL)
    script = "\n".join(blocks[:3]).replace("authsvc ", f"{sys.executable} -m authsvc.cli ")
    done = subprocess.run(
        ["/bin/sh", "-ec", script],
        cwd=tmp_path,
        env=clean_environment(AUTHSVC_SERVER=service.address),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stderr.splitlines() == ["2 lines: 2 CREATED.", "1 lines: 1 CREATED."]
    rows = _read(tmp_path / "results.csv")
    assert [row["outcome"] for row in rows] == ["CREATED", "CREATED"]
    for name in ("ada", "linus"):
        assert service.login(name, password="violet kettle").access_token
    assert len(blocks) == 4


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("[]", "it is no JSON object"),
        ('{"username": 1}', "username must be a text"),
        ('{"roles": "a"}', "roles must be a list of texts"),
        ('{"roles": [1]}', "roles must be a list of texts"),
        ('{"email_verified": "yes"}', "email_verified must be true or false"),
        ('{"create_time": "2020-01-31T12:00:00"}', "create_time must be like"),
        ('{"create_time": 5}', "create_time must be like"),
        ('{"state": "locked"}', "state must be active or disabled"),
        ('{"external_id": true}', "external_id must be"),
        ('{"pasword_hash": ""}', "there is no field 'pasword_hash'"),
        ('{"username": "\\ud800"}', "it is no UTF-8"),
        ('{"username": "a\udcff"}', "it is no UTF-8"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: str, fault: str) -> None:
    (first, second) = read_json_lines(io.StringIO(line + '\n{"username": "good"}'))

    assert first.row is None
    assert first.fault.startswith(fault)
    assert second.row is not None
    assert second.number == 2


def test_csv_says_what_is_wrong_with_a_line_and_goes_on() -> None:
    text = 'username,roles,email_verified\r\nada,a b,TRUE\r\nbob\r\n\r\n"x"y,,\r\n"c\r\nd",,maybe\r\ne,,\r\n'
    lines = list(read_csv(io.StringIO(text, newline="")))

    good = [line.row for line in lines if line.row is not None]
    assert [line.number for line in lines if line.row is None] == [3, 5, 6]
    assert [row.username for row in good] == ["ada", "e"]
    assert list(good[0].roles) == ["a", "b"]
    assert good[0].email_verified


@pytest.mark.parametrize("head", ["", "user,email", "email", "username,password"])
def test_csv_without_the_right_columns_is_not_read(head: str) -> None:
    with pytest.raises(BadLine, match="line 1"):
        list(read_csv(io.StringIO(f"{head}\nada,x\n")))


@given(st.text())
def test_any_text_is_lines_or_faults(text: str) -> None:
    for line in read_json_lines(io.StringIO(text)):
        assert (line.row is None) == bool(line.fault)
    try:
        for line in read_csv(io.StringIO("username,roles\n" + text, newline="")):
            assert (line.row is None) == bool(line.fault)
    except BadLine as error:
        raise AssertionError from error


def test_a_file_that_is_not_there_is_one_friendly_line(service: Service) -> None:
    done = _accounts(service, "import", "/nowhere/accounts.csv")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Can't read /nowhere/accounts.csv: No such file or directory."
    ]


def test_a_server_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text("username\nada\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "authsvc.cli", "accounts", "import", str(file)],
        env=clean_environment(AUTHSVC_SERVER="127.0.0.1:1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("No server answers at 127.0.0.1:1.")

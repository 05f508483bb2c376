"""The list of breached passwords: found or not, and never half."""

import hashlib
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import StoreUnavailable
from authsvc.stores.breached_passwords import (
    BreachListDamaged,
    FileBreachList,
    _line_at,
    _opened,
)

PASSWORDS = [f"breached {number}" for number in range(3000)]


def sha1(password: str) -> bytes:
    return hashlib.sha1(password.encode()).digest()


def one_file(path: Path, passwords: list[str], end: str = "\n", **ways: str) -> FileBreachList:
    hashes = sorted(sha1(password).hex().upper() for password in passwords)
    lines = (f"{line}{ways.get('count', f':{n * n + 1}')}{end}" for n, line in enumerate(hashes))
    path.write_text("".join(lines), newline="")
    return FileBreachList(path)


def ranges(path: Path, passwords: list[str], suffix: str = "") -> FileBreachList:
    path.mkdir()
    for prefix in ("00000", "7FFFF", "FFFFF"):
        (path / f"{prefix}{suffix}").write_text("0" * 35 + ":1\r\n")
    for line in sorted(sha1(password).hex().upper() for password in passwords):
        with (path / f"{line[:5]}{suffix}").open("a") as file:
            file.write(f"{line[5:]}:3\r\n")
    return FileBreachList(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("count", [{}, {"count": ""}, {"count": ":123456789"}])
def test_p_pw_4_what_is_in_the_file_is_found_and_nothing_else(
    end: str, count: dict[str, str], tmp_path: Path
) -> None:
    breached = one_file(tmp_path / "sorted.txt", PASSWORDS, end, **count)
    breached.check()
    assert all(breached.contains(sha1(password)) for password in PASSWORDS)
    assert not any(breached.contains(sha1(password + "x")) for password in PASSWORDS)
    assert not breached.contains(b"\0" * 20)
    assert not breached.contains(b"\xff" * 20)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_p_pw_4_a_short_list_is_searched_to_its_ends(size: int, tmp_path: Path) -> None:
    breached = one_file(tmp_path / "sorted.txt", PASSWORDS[:size])
    breached.check()
    assert [breached.contains(sha1(p)) for p in PASSWORDS[:4]] == [n < size for n in range(4)]
    whole = (tmp_path / "sorted.txt").read_text()
    (tmp_path / "sorted.txt").write_text(whole.rstrip("\n").lower())
    breached.check()
    assert all(breached.contains(sha1(p)) for p in PASSWORDS[:size])


@pytest.mark.parametrize("suffix", ["", ".txt"])
def test_p_pw_4_the_range_format_is_read_too(suffix: str, tmp_path: Path) -> None:
    breached = ranges(tmp_path / "ranges", PASSWORDS[:200], suffix)
    breached.check()
    assert all(breached.contains(sha1(password)) for password in PASSWORDS[:200])
    known = bytes.fromhex("0" * 40)
    assert breached.contains(known)
    assert not breached.contains(known[:-1] + b"\1")


def test_p_pw_4_a_padded_answer_breaches_nothing(tmp_path: Path) -> None:
    breached = one_file(tmp_path / "sorted.txt", PASSWORDS[:9], count=":0")
    assert not any(breached.contains(sha1(password)) for password in PASSWORDS[:9])


def test_p_pw_4_a_list_that_goes_away_is_an_outage_and_no_acceptance(tmp_path: Path) -> None:
    path = tmp_path / "sorted.txt"
    breached = one_file(path, PASSWORDS)
    whole = path.read_bytes()
    assert not breached.contains(sha1("unknown"))

    path.unlink()
    with pytest.raises(StoreUnavailable, match=r"sorted\.txt can't be read: No such file"):
        breached.contains(sha1("unknown"))
    path.write_bytes(b"\0" * len(whole))
    with pytest.raises(StoreUnavailable, match="not a SHA-1"):
        breached.contains(sha1("unknown"))
    path.write_bytes(whole)
    assert not breached.contains(sha1("unknown"))


def test_p_pw_4_a_range_that_is_missing_is_an_outage(tmp_path: Path) -> None:
    breached = ranges(tmp_path / "ranges", [])
    with pytest.raises(StoreUnavailable):
        breached.contains(sha1("unknown"))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"password\n123456\n", "is not a SHA-1 of 40"),
        (b"A" * 32 + b":5\n", "is not a SHA-1 of 40"),  # NTLM
        (b"A" * 41 + b"\n", "is not a SHA-1 of 40"),
        (b"B" * 40 + b"\n" + b"A" * 40 + b"\n", "is not sorted"),
        (b"A" * 40 + b"\n\n", "is not a SHA-1 of 40"),
        (b"A" * 100_000, "is not a SHA-1 of 40"),
        (None, "can't be read: No such file"),
    ],
)
def test_p_cfg_1_a_damaged_list_is_told_at_the_start(
    content: bytes | None, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "sorted.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BreachListDamaged, match=fault):
        FileBreachList(path).check()


def test_p_cfg_1_a_list_in_the_order_of_counts_is_told_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "by-count.txt"
    path.write_text("".join(f"{sha1(p).hex()}:{n}\n" for n, p in enumerate(PASSWORDS)))
    with pytest.raises(BreachListDamaged, match=r"by-count\.txt is not sorted"):
        FileBreachList(path).check()


def test_p_cfg_1_a_directory_without_its_ranges_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(BreachListDamaged, match=r"00000\.txt can't be read"):
        FileBreachList(tmp_path).check()


def test_p_pw_4_a_file_that_shrinks_during_a_search_is_an_outage(tmp_path: Path) -> None:
    path = tmp_path / "sorted.txt"
    path.write_bytes(b"0" * 40 + b"\n")
    with _opened(path) as (file, size), pytest.raises(BreachListDamaged, match="became shorter"):
        _line_at(file, size + 30, 40)


@given(st.binary(max_size=300))
def test_p_pw_4_no_file_is_more_than_searched_or_an_outage(content: bytes) -> None:
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with suppress(StoreUnavailable):
            assert not FileBreachList(Path(file.name)).contains(b"\x5a" * 20)

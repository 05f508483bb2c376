"""Hashes of other systems: known answers, a second opinion, and what is never computed."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import bcrypt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from passlib import hash as passlib

from authsvc.domain.foreign_hashes import argon2_hashes, sha2_hashes
from authsvc.domain.foreign_hashes.foreign_hash import (
    CostOutOfRange,
    ForeignHash,
    HashKind,
    UnsupportedHash,
)
from authsvc.domain.foreign_hashes.schemes import read_hash, spend
from authsvc.domain.imported_hash import ImportedHash, read_imported

PASSWORD = "correct hörse"
SALT = "." * 22

KNOWN = {
    # The test vectors of crypt_blowfish, glibc's SHA-crypt, RFC 7914 and the Argon2 reference.
    "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
    "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK": "U*U*",
    "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a": "U*U*U",
    "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy": "",
    "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5": "Hello world!",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCo"
    "EOfaS35inz1": "Hello world!",
    "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA": (
        "Hello world!"
    ),
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc": (
        "password"
    ),
    "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA": (
        "password"
    ),
}


def made() -> dict[str, str]:
    """A hash of each form, as the libraries make it that the systems use."""
    strong = bcrypt.hashpw(PASSWORD.encode(), b"$2b$10$" + b"." * 22).decode()
    return {
        "bcrypt": strong,
        "bcrypt of PHP": strong.replace("$2b$", "$2y$"),
        "bcrypt, weak": strong_with(4),
        "scrypt": passlib.scrypt.using(rounds=14).hash(PASSWORD),
        "scrypt, weak": passlib.scrypt.using(rounds=4).hash(PASSWORD),
        "pbkdf2-sha256": passlib.pbkdf2_sha256.using(rounds=100_000).hash(PASSWORD),
        "pbkdf2-sha512": passlib.pbkdf2_sha512.using(rounds=1_000).hash(PASSWORD),
        "pbkdf2 of Django": passlib.django_pbkdf2_sha256.using(rounds=1_000).hash(PASSWORD),
        "argon2id": passlib.argon2.using(type="ID", memory_cost=512, rounds=1).hash(PASSWORD),
        "argon2i": passlib.argon2.using(type="I", memory_cost=512, rounds=1).hash(PASSWORD),
        "sha256-crypt": passlib.sha256_crypt.using(rounds=5_000).hash(PASSWORD),
        "sha512-crypt": passlib.sha512_crypt.using(rounds=1_000).hash(PASSWORD),
        "SSHA256": passlib.ldap_salted_sha256.hash(PASSWORD),
        "SSHA512": passlib.ldap_salted_sha512.hash(PASSWORD),
    }


def strong_with(cost: int) -> str:
    return bcrypt.hashpw(PASSWORD.encode(), f"$2b${cost:02}${SALT}".encode()).decode()


MADE = made()


@pytest.mark.parametrize(("text", "password"), KNOWN.items())
def test_the_known_answers(text: str, password: str) -> None:
    assert read_hash(text).matches(password)
    assert not read_hash(text).matches(password + "x")


@pytest.mark.parametrize("name", MADE)
def test_what_another_library_made_matches_its_password_alone(name: str) -> None:
    foreign = read_hash(MADE[name])

    assert foreign.matches(PASSWORD)
    for other in ("", PASSWORD + " ", PASSWORD.upper(), "correct ho\u0308rse", "\0", "x" * 1024):
        assert not foreign.matches(other)


@pytest.mark.parametrize("name", MADE)
def test_a_hash_is_read_again_from_what_is_kept_of_it(name: str) -> None:
    foreign = read_hash(MADE[name])

    for kept in (ImportedHash(foreign), ImportedHash(foreign, "$argon2id$…")):
        again = read_imported(kept.stored)
        assert again is not None
        assert again.wrapping == kept.wrapping
        assert again.foreign.kind == foreign.kind
        assert again.foreign.text_of(PASSWORD) == foreign.text


@pytest.mark.parametrize("name", MADE)
def test_p_pw_1_of_a_wrapped_hash_neither_digest_nor_text_is_kept(name: str) -> None:
    foreign = read_hash(MADE[name])

    assert foreign.digest not in ImportedHash(foreign, "$argon2id$…").stored
    assert foreign.digest not in repr(foreign)


def test_p_pw_1_what_costs_a_guesser_little_counts_as_weak() -> None:
    weak = {name for name, text in MADE.items() if read_hash(text).is_weak}

    assert weak == set(MADE) - {"bcrypt", "bcrypt of PHP", "scrypt", "pbkdf2-sha256"}


def test_bcrypt_counts_72_bytes_as_the_other_system_did() -> None:
    long = "ä" * 36 + "this was never looked at"
    foreign = read_hash(bcrypt.hashpw(long.encode()[:72], b"$2b$04$" + b"." * 22).decode())

    assert foreign.matches(long)
    assert foreign.matches("ä" * 36)
    assert not foreign.matches("ä" * 35)


def test_bcrypt_takes_no_password_with_a_nul() -> None:
    """`abc` and `abc NUL abc` are one key to bcrypt, and only `abc` to C."""
    foreign = read_hash(bcrypt.hashpw(b"abc", b"$2b$04$" + b"." * 22).decode())

    assert foreign.matches("abc")
    assert not foreign.matches("abc\0abc")
    assert not foreign.matches("abc\0")


def test_rubbish_in_the_unused_bits_of_bcrypt_changes_nothing() -> None:
    text = strong_with(4)
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    sloppy = f"{text[:28]}M{text[29:-1]}{alphabet[alphabet.index(text[-1]) + 3]}"

    assert sloppy != text
    assert read_hash(sloppy).text == text


@pytest.mark.parametrize(
    "text",
    [
        *(f"$2b$03${SALT}{'.' * 31}", f"$2b$15${SALT}{'.' * 31}", f"$2b$99${SALT}{'.' * 31}"),
        f"$scrypt$ln=18,r=8,p=1$YWJj${'A' * 43}",
        f"$scrypt$ln=99,r=1,p=1$YWJj${'A' * 43}",
        f"$scrypt$ln=14,r=8,p=999$YWJj${'A' * 43}",
        f"$pbkdf2-sha256$2000001$YWJj${'A' * 43}",
        f"$pbkdf2-sha512$9999999999$YWJj${'A' * 86}",
        f"pbkdf2_sha256$9999999999$abc${'A' * 43}=",
        f"$argon2id$v=19$m=131073,t=1,p=1$c29tZXNhbHQ${'A' * 43}",
        f"$argon2id$v=19$m=131072,t=9,p=1$c29tZXNhbHQ${'A' * 43}",
        f"$argon2id$v=19$m=9999999999,t=9999999999,p=1$c29tZXNhbHQ${'A' * 43}",
        f"$argon2id$v=19$m=1024,t=1,p=17$c29tZXNhbHQ${'A' * 43}",
        f"$argon2i$v=19$m=7,t=1,p=1$c29tZXNhbHQ${'A' * 43}",
        f"$6$rounds=999$salt${'.' * 86}",
        f"$5$rounds=1000001$salt${'.' * 43}",
    ],
)
def test_p_pw_5_absurd_costs_are_refused_and_never_computed(text: str) -> None:
    with pytest.raises(CostOutOfRange):
        read_hash(text)
    assert read_imported(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "password", "$", "$$", "$2b$", f"$2x$10${SALT}{'.' * 31}", f"$2$10${SALT}"),
        *(
            "$1$salt$AAAAAAAAAAAAAAAAAAAAAA",
            "{SSHA}AAAA",
            "{SHA256}AAAA",
            "{SSHA256}!",
            "$y$j9T$a$b",
        ),
        "{SSHA256}" + base64.b64encode(bytes(32)).decode(),  # without a salt
        f"$argon2d$v=19$m=65536,t=2,p=1$c29tZXNhbHQ${'A' * 43}",
        f"$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ${'A' * 43}",
        f"$pbkdf2-sha256$01000$YWJj${'A' * 43}",
        f"$pbkdf2-sha256$1000$YWJj${'A' * 86}",
        f"$pbkdf2$1000$YWJj${'A' * 27}",
        f"pbkdf2_sha1$1000$abc${'A' * 43}=",
        strong_with(4) + "\n",
        strong_with(4)[:-1],
        "é" + strong_with(4),
    ],
)
def test_what_is_no_hash_of_these_schemes_is_unsupported(text: str) -> None:
    with pytest.raises(UnsupportedHash):
        read_hash(text)


_ALPHABET = "$./+=,:{}|0123456789ABSHabcdefghilmnoprstuvyk\0\n é"


@given(st.text() | st.text(_ALPHABET) | st.sampled_from(sorted(MADE.values())))
@example("over:|")
@example("over:$2b$04$" + SALT + "|")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        foreign = read_hash(text)
    except (UnsupportedHash, CostOutOfRange):
        assert read_imported(text) is None or text.startswith("over:")
    else:
        assert isinstance(foreign, ForeignHash)


@given(st.sampled_from(sorted(MADE.values())), st.integers(0, 200), st.sampled_from(_ALPHABET))
def test_a_damaged_hash_is_read_or_refused(text: str, place: int, letter: str) -> None:
    place %= len(text)
    try:
        foreign = read_hash(text[:place] + letter + text[place + 1 :])
    except (UnsupportedHash, CostOutOfRange):
        return
    assert read_imported(ImportedHash(foreign).stored) is not None


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the rounds that the libraries are asked for, in the order of the calls.

    Their time is seen to agree where whole logins are timed; here it would be too short to measure.
    """
    asked: list[int] = []

    def count(owner: object, name: str, rounds: Callable[..., int]) -> None:
        original = getattr(owner, name)

        def counted(*args: object, **kwargs: object) -> object:
            asked.append(rounds(*args, **kwargs))
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count(bcrypt, "hashpw", lambda _password, setting: 1 << int(setting[4:6]))
    count(hashlib, "scrypt", lambda _password, **given: given["n"])
    count(hashlib, "pbkdf2_hmac", lambda *given: given[3])
    count(argon2_hashes, "hash_secret_raw", lambda *given: given[2])
    for scheme, _length in sha2_hashes.CRYPTS.values():
        count(scheme, "using", lambda **given: given["rounds"])
    return asked


@pytest.mark.parametrize("name", [name for name in MADE if read_hash(MADE[name]).kind])
def test_p_thr_3_what_is_owed_on_top_makes_up_for_a_hash_that_cost_less(
    name: str, work: list[int]
) -> None:
    kind = read_hash(MADE[name]).kind
    assert kind is not None
    step = 2 if kind.family.startswith(("bcrypt", "scrypt")) else 3 * kind.work
    greater = replace(kind, work=kind.work + step)

    def asked(call: Callable[[], object]) -> int:
        work.clear()
        call()
        return sum(work)

    own = asked(lambda: read_hash(MADE[name]).matches("wrong"))
    full = asked(lambda: spend([greater], done=None))
    rest = asked(lambda: spend([greater], done=kind))

    assert 0 < own < full
    assert own + rest == full
    assert asked(lambda: spend([greater], done=greater)) == 0


def test_p_thr_3_nothing_is_owed_twice_for_one_family(work: list[int]) -> None:
    spend([HashKind("bcrypt", 4)], done=HashKind("bcrypt", 14))
    assert work == []


def test_scrypt_and_pbkdf2_are_those_of_the_standard_library() -> None:
    digest = hashlib.pbkdf2_hmac("sha512", b"x", b"salt", 7)
    encoded = base64.b64encode(digest).decode().rstrip("=").replace("+", ".")
    assert read_hash(f"$pbkdf2-sha512$7$c2FsdA${encoded}").matches("x")

"""Stored hashes: their form, what they may cost, and their peppers."""

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.password_hashes import Argon2Profile, PasswordHashes, Peppers
from authsvc.errors import StoreUnavailable

CHEAPEST = Argon2Profile(time_cost=1, memory_cost_kib=8, parallelism=1)
OLD, NEW = b"o" * 32, b"n" * 32
HASHES = PasswordHashes(profile=CHEAPEST, peppers=Peppers())
UNDER_OLD = PasswordHashes(profile=CHEAPEST, peppers=Peppers(keys={"old": OLD}, current="old"))
UNDER_NEW = PasswordHashes(
    profile=CHEAPEST, peppers=Peppers(keys={"new-1": NEW, "old": OLD}, current="new-1")
)


def test_p_pw_1_a_hash_is_argon2id_with_a_salt_of_its_own() -> None:
    first, second = HASHES.make("tree lamp window"), HASHES.make("tree lamp window")
    assert first.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert first != second
    assert HASHES.matches("tree lamp window", first)
    assert not HASHES.matches("tree lamp windows", first)
    assert not HASHES.matches("", None)


@given(st.text(st.characters(exclude_categories=[])), st.text())
def test_p_pw_1_any_text_is_hashed_and_only_itself_matches(password: str, other: str) -> None:
    for hashes in (HASHES, UNDER_NEW):
        stored = hashes.make(password)
        assert hashes.is_acceptable(stored)
        assert not hashes.needs_rehash(stored)
        assert hashes.matches(password, stored)
        assert not hashes.matches(password + "x", stored)
        assert not hashes.matches(password, other)


def test_p_pw_3_a_lone_surrogate_is_hashed_as_no_other_text_is() -> None:
    stored = UNDER_NEW.make("a\ud800")
    assert UNDER_NEW.matches("a\ud800", stored)
    assert not UNDER_NEW.matches("a?", stored)
    assert not UNDER_NEW.matches("a\ufffd", stored)


def test_p_pw_1_the_pepper_of_a_hash_is_named_in_it() -> None:
    stored = UNDER_NEW.make("tree lamp window")
    prefix = "$hmac-sha256$keyid=new-1"
    assert stored.startswith(prefix + "$argon2id$v=19$m=8,t=1,p=1$")
    assert UNDER_NEW.matches("tree lamp window", stored)
    # Neither the password nor its HMAC under another key is what argon2 hashed.
    assert not HASHES.matches("tree lamp window", stored.removeprefix(prefix))
    swapped = PasswordHashes(
        profile=CHEAPEST, peppers=Peppers(keys={"new-1": OLD}, current="new-1")
    )
    assert not swapped.matches("tree lamp window", stored)


def test_p_pw_1_a_pepper_that_is_not_configured_is_no_wrong_password() -> None:
    stored = UNDER_OLD.make("tree lamp window")
    for password in ("tree lamp window", "another"):
        with pytest.raises(StoreUnavailable, match="the password pepper old is not configured"):
            HASHES.matches(password, stored)
    assert HASHES.needs_rehash(stored)


def test_p_pw_1_every_change_of_parameters_or_pepper_makes_a_hash_stale() -> None:
    plain, old = HASHES.make("x"), UNDER_OLD.make("x")
    assert [UNDER_NEW.needs_rehash(h) for h in (plain, old, UNDER_NEW.make("x"))] == [1, 1, 0]
    assert UNDER_OLD.needs_rehash(plain)
    assert UNDER_NEW.matches("x", plain)
    assert UNDER_NEW.matches("x", old)
    for changed in ("m=16,t=1,p=1", "m=8,t=2,p=1", "m=16,t=1,p=2"):
        assert HASHES.needs_rehash(plain.replace("m=8,t=1,p=1", changed))
    assert HASHES.needs_rehash("$2b$12$" + "a" * 53)


def test_p_obs_1_no_pepper_is_shown() -> None:
    assert "ooo" not in repr(Peppers(keys={"old": OLD}, current="old"))


SALT, TAG = "$c29tZXNhbHQxMjM0NTY", "$" + "A" * 43


@pytest.mark.parametrize(
    ("parameters", "acceptable"),
    [
        ("$argon2id$v=19$m=19456,t=2,p=1", True),
        ("$argon2id$v=19$m=65536,t=3,p=4", True),  # argon2-cffi's own profile
        ("$argon2id$v=19$m=155648,t=4,p=1", True),  # 8 times the floor
        ("$argon2id$v=19$m=155649,t=1,p=1", False),
        ("$argon2id$v=19$m=19456,t=32,p=1", True),  # 16 times its work
        ("$argon2id$v=19$m=19456,t=33,p=1", False),
        ("$argon2id$v=19$m=4194304,t=2,p=1", False),
        ("$argon2id$v=19$m=19456,t=1000,p=1", False),
        ("$argon2id$v=19$m=8,t=4294967295,p=1", False),
        ("$argon2id$v=19$m=4294967296,t=1,p=1", False),
        ("$argon2id$v=19$m=19456,t=2,p=17", False),
        ("$argon2id$v=19$m=19456,t=2,p=0", False),
        ("$argon2id$v=19$m=15,t=2,p=2", False),
        ("$argon2id$v=19$m=0,t=2,p=1", False),
        ("$argon2id$v=19$m=19456,t=0,p=1", False),
        ("$argon2id$v=19$m=019456,t=2,p=1", False),
        ("$argon2id$v=19$m=\u0661\u0662\u0663,t=2,p=1", False),
        ("$argon2id$v=16$m=19456,t=2,p=1", False),
        ("$argon2id$m=19456,t=2,p=1", False),
        ("$argon2i$v=19$m=19456,t=2,p=1", False),
        ("$argon2d$v=19$m=19456,t=2,p=1", False),
        ("$argon2id$v=19$t=2,m=19456,p=1", False),
        ("$argon2id$v=19$m=" + "9" * 5000 + ",t=2,p=1", False),
    ],
)
def test_p_pw_5_a_stored_hash_costs_no_more_than_a_login_may(
    parameters: str, acceptable: bool
) -> None:
    stored = parameters + SALT + TAG
    assert HASHES.is_acceptable(stored) == acceptable
    assert UNDER_NEW.is_acceptable("$hmac-sha256$keyid=old" + stored) == acceptable
    if not acceptable:
        assert not HASHES.matches("x", stored)


def test_p_pw_5_a_dearer_profile_accepts_dearer_hashes() -> None:
    dear = PasswordHashes(
        profile=Argon2Profile(time_cost=1, memory_cost_kib=40_000), peppers=Peppers()
    )
    assert dear.is_acceptable("$argon2id$v=19$m=320000,t=4,p=1" + SALT + TAG)
    assert not dear.is_acceptable("$argon2id$v=19$m=320001,t=1,p=1" + SALT + TAG)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "$",
        "password",
        "$argon2id$v=19$m=8,t=1,p=1",
        "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAB" + TAG,  # bits beyond the last byte
        "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAA" + TAG,  # no length that base64 gives
        "$argon2id$v=19$m=8,t=1,p=1" + SALT + "$AAAA",
        "$argon2id$v=19$m=8,t=1,p=1" + SALT + TAG + "\n",
        "$argon2id$v=19$m=8,t=1,p=1" + SALT + TAG + "$",
        "$hmac-sha256$keyid=OLD$argon2id$v=19$m=8,t=1,p=1" + SALT + TAG,
        "$hmac-sha256$keyid=$argon2id$v=19$m=8,t=1,p=1" + SALT + TAG,
        "$hmac-sha256$keyid=old$hmac-sha256$keyid=old$argon2id$v=19$m=8,t=1,p=1" + SALT + TAG,
    ],
)
def test_p_pw_5_a_damaged_hash_matches_nothing(damaged: str) -> None:
    assert not HASHES.is_acceptable(damaged)
    assert not HASHES.matches("", damaged)
    assert HASHES.needs_rehash(damaged)


@pytest.mark.parametrize("stored", [None, "", "$argon2id$v=19$m=4194304,t=1000,p=1" + SALT + TAG])
def test_p_pw_5_what_is_not_computed_costs_one_hash_all_the_same(
    stored: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    verify = argon2.PasswordHasher.verify

    def recorded(hasher: argon2.PasswordHasher, phc: str, secret: bytes) -> bool:
        computed.append(phc)
        return verify(hasher, phc, secret)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", recorded)
    assert not UNDER_NEW.matches("x", stored)
    (phc,) = computed
    assert phc.startswith("$argon2id$v=19$m=8,t=1,p=1$")

"""Which names are one, which look alike, and which nobody may choose."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.names import canonical, is_address, is_reserved, skeleton

ANY = st.text(st.characters(exclude_categories=[]))
USERNAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", fullmatch=True)
SPELT_AT_RANDOM = st.text("aAliI1oO0mrnwvRN", min_size=1, max_size=12)


@given(ANY)
def test_p_pw_3_the_canonical_form_is_the_same_again(name: str) -> None:
    once = canonical(name)
    assert canonical(once) == once
    assert len(once) == len(name)
    once.encode("utf-8", "surrogatepass")


@given(ANY | st.text("kKsS\u212a\u017f\u0130\u0131iI\u00c0\u00e0", min_size=1))
def test_p_pw_3_nothing_is_folded_but_the_case_of_ascii_letters(name: str) -> None:
    raw = name.encode("utf-8", "surrogatepass")
    assert canonical(name).encode("utf-8", "surrogatepass") == raw.lower()


@given(USERNAMES)
def test_p_pw_3_every_case_of_a_user_name_is_the_same_name(name: str) -> None:
    assert canonical(name) == canonical(name.upper()) == canonical(name.swapcase())
    assert not is_address(name)


@given(USERNAMES, st.characters())
def test_p_pw_3_no_other_character_gives_another_spelling_of_a_name(name: str, other: str) -> None:
    for spelling in (name + other, other + name, name[:1] + other + name[1:]):
        assert canonical(spelling) != canonical(name)
    if other not in string.ascii_letters:
        assert canonical(other + name[1:]) != canonical(name) or other == name[0]


@given(USERNAMES | SPELT_AT_RANDOM)
def test_p_pw_3_a_skeleton_is_the_same_again_and_at_most_twice_as_long(name: str) -> None:
    once = skeleton(name)
    assert skeleton(once) == once == skeleton(canonical(name))
    assert len(once) <= 2 * len(name)


@given(SPELT_AT_RANDOM, st.data())
def test_p_pw_3_however_a_name_is_disguised_its_skeleton_stays(
    name: str, data: st.DataObject
) -> None:
    disguises = (("o", "0"), ("l", "1"), ("l", "I"), ("i", "1"), ("rn", "m"), ("m", "rn"))
    disguised = name
    for old, new in data.draw(st.permutations((*disguises, ("vv", "w"), ("w", "vv")))):
        disguised = disguised.replace(old, new, data.draw(st.integers(0, 2)))
    assert skeleton(disguised) == skeleton(name)


@pytest.mark.parametrize(
    ("name", "look_alike"),
    [
        ("admin", "adm1n"),
        ("admin", "ADMlN"),
        ("alice", "AIice"),
        ("modern", "modem"),
        ("google", "g00gle"),
        ("paul", "pau1"),
        ("walter", "vvalter"),
        ("vvw", "wvv"),
    ],
)
def test_p_pw_3_look_alikes_have_one_skeleton(name: str, look_alike: str) -> None:
    assert canonical(name) != canonical(look_alike)
    assert skeleton(name) == skeleton(look_alike)


@pytest.mark.parametrize(
    ("name", "other"), [("ada", "eve"), ("john.doe", "johndoe"), ("a-b", "a_b"), ("user1", "user2")]
)
def test_p_pw_3_other_names_have_other_skeletons(name: str, other: str) -> None:
    assert skeleton(name) != skeleton(other)


@pytest.mark.parametrize(
    "name", ["admin", "Adm1n", "ADMIN", "r00t", "PostMaster", "AuthSvc", "www"]
)
def test_p_pw_3_names_that_lend_authority_are_reserved(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["ada", "admina", "administer", "rooty", "infos", "a"])
def test_p_pw_3_other_names_are_free(name: str) -> None:
    assert not is_reserved(name)

"""The pages that are made say what is so, and nothing that is not."""

import re

import pytest

from tests.transport.calls import METHODS
from tools.reference import DOCS, ROOT, attacks, promises
from tools.reference.promises import Case, Suite


@pytest.fixture(name="tests", scope="module")
def _tests() -> Suite:
    return Suite.read()


def _made(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_method_has_a_section_that_says_who_may_call_it() -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))

    for name in METHODS:
        section = pages.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert "**Who** `" in section, name
        assert "**Takes**" in section, name
        assert "**Gives**" in section, name


def test_secrets_are_marked_and_rules_are_said() -> None:
    login = _made("api/auth-service.md").partition("## Login\n")[2]

    assert "| `password` *secret* | string | at least 1 characters, at most 1024 bytes |" in login


def test_a_promise_without_a_test_is_seen_as_such(tests: Suite) -> None:
    bare = promises.page(Suite())

    assert bare.count("**Not proven.**") == bare.count("\n### P-")
    assert promises.page(tests).count("**Not proven.**") < 10


def test_a_test_for_a_promise_that_nobody_gave_fails() -> None:
    tests = Suite()
    tests.by_name["p_abc_9_x"].append(Case("p_abc_9_x", ROOT / "tests" / "test_x.py"))

    with pytest.raises(ValueError, match="ABC-9"):
        promises.page(tests)


def test_an_attack_names_tests_that_there_are() -> None:
    with pytest.raises(ValueError, match="names tests that there are not"):
        attacks.page(Suite())


def test_a_proof_is_told_in_words_and_leads_to_its_test(tests: Suite) -> None:
    (test,) = tests.by_name["p_rev_1_p_rev_3_p_ref_1_no_history_breaks_a_promise"]

    assert test.rule == "no history breaks a promise"
    assert test.promises() == ["REV-1", "REV-3", "REF-1"]
    (several,) = tests.by_name["p_tok_1_to_5_a_hostile_token_is_refused_for_the_right_reason"]
    assert several.promises() == [f"TOK-{number}" for number in range(1, 6)]


def test_every_error_of_the_contract_is_explained() -> None:
    page = _made("errors.md")
    linked = set(re.findall(r"\]\(#(\w+)\)", page))

    assert linked == {heading.lower() for heading in re.findall(r"^## (\w+)$", page, re.MULTILINE)}

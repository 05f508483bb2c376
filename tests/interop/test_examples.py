"""Each example builds from a clean checkout, decides as the vectors say, and plays its story."""

import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.process_tree import tree
from tests.interop import guessing
from tests.interop.conftest import Built
from tests.interop.languages import GO, Language, generate_go, run, started
from tests.interop.services import free_address

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("interop")]

_STORY = (
    r"registered  (?P<account>acc_\w+)",
    r"logged in   session [A-Za-z0-9_-]{22}",
    r"refreshed   twice, with one successor",
    r"by call     active, (?P=account)",
    r"locally     active, (?P=account)",
    r"revoked     at revision \d+",
    r"locally     refused, (?P<late>\d+) ms later",
    r"by call     refused, TOKEN_INACTIVE",
    r"All as promised\.",
)


def test_an_example_is_in_form_and_decides_as_the_vectors_say(built: Built) -> None:
    language, example = built

    language.check(example, {})


def test_all_languages_decide_alike_on_tokens_that_nobody_wrote_down(
    built: Built, tmp_path: Path
) -> None:
    language, example = built
    seed = random.randrange(2**32)
    vectors = tmp_path / "guessed"
    vectors.mkdir()
    (vectors / "guessed.json").write_text(json.dumps(guessing.vectors(seed)), encoding="utf-8")

    language.check(example, {"AUTHSVC_VECTORS": str(vectors)})  # a failure names the seed


def test_the_stubs_of_go_are_what_the_contract_gives(
    build: Callable[[Language], Path], clean_copy: Path
) -> None:
    example = build(GO)
    before = _contents(example / "gen")

    generate_go(example)

    assert _contents(example / "gen") == before


def _contents(directory: Path) -> dict[str, str]:
    files = (path for path in directory.rglob("*.go"))
    return {str(path.relative_to(directory)): path.read_text(encoding="utf-8") for path in files}


def test_the_story_ends_as_promised(built: Built, tmp_path: Path) -> None:
    language, example = built
    with tree(tmp_path) as server:
        told = run(language.story(example), at=example, AUTHSVC_ADDRESS=server.address)

    _assert_as_promised(told)


def test_the_story_waits_for_a_server_that_is_not_there_yet(built: Built, tmp_path: Path) -> None:
    language, example = built
    address = free_address()
    log = tmp_path / "story.log"
    with started(language.story(example), log, AUTHSVC_ADDRESS=address) as story:
        time.sleep(3)
        assert story.poll() is None, log.read_text(encoding="utf-8")
        with tree(tmp_path, listen=address):
            told, _ = story.communicate(timeout=60)

    assert story.returncode == 0, log.read_text(encoding="utf-8")
    _assert_as_promised(told)


def _assert_as_promised(told: str) -> None:
    found = re.fullmatch("\n".join(_STORY) + "\n", told)
    assert found, told
    assert int(found["late"]) < 2000

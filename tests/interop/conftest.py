"""Each example, built once for each test process in a clean copy of the repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.languages import LANGUAGES, Language, copy

Built = tuple[Language, Path]


@pytest.fixture(name="clean_copy", scope="session")
def _clean_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(name="build", scope="session")
def _build(clean_copy: Path) -> Callable[[Language], Path]:
    """Builds an example if that was not done, and gives its directory."""
    built: dict[str, Path] = {}

    def build(language: Language) -> Path:
        language.need_tools()
        example = clean_copy / "examples" / language.name
        if language.name not in built:
            language.build(example)
            built[language.name] = example
        return example

    return build


@pytest.fixture(name="built", params=LANGUAGES, ids=lambda language: language.name)
def _built(request: pytest.FixtureRequest, build: Callable[[Language], Path]) -> Built:
    """Give a language, and where its example stands."""
    return request.param, build(request.param)

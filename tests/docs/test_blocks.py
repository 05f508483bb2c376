"""Every block of commands or Python on a page is run by a test, or says in a comment why not."""

import re
from pathlib import Path

import pytest

from tests.e2e.pasting import ROOT, blocks, lines, reasons, text_of

RUN_BY = {
    "README.md": "tests/e2e/test_readme.py",
    "docs/client.md": "tests/client/test_docs.py",
    "docs/clients.md": "tests/interop/test_clients_page.py",
    "docs/cookbook.md": "tests/e2e/test_cookbook.py",
    "docs/delegation.md": "tests/e2e/test_readme.py",
    "docs/deployment.md": "tests/deploy/test_chart.py",
    "docs/envoy.md": "tests/proxy/test_docs.py",
    "docs/events.md": "tests/e2e/test_readme.py",
    "docs/getting-started.md": "tests/e2e/test_getting_started.py",
    "docs/import.md": "tests/porch/test_import.py",
    "docs/operations.md": "tests/e2e/test_operations.py",
    "docs/passkeys.md": "tests/e2e/test_second_factors.py",
    "docs/recovery.md": "tests/e2e/test_recovery.py",
    "docs/relay.md": "tests/relay/test_docs.py",
    "docs/second-factors.md": "tests/e2e/test_second_factors.py",
    "docs/services.md": "tests/e2e/test_readme.py",
    "docs/tls.md": "tests/e2e/test_tls.py",
}
"""The test that runs the blocks of a page. A page with blocks that is not here fails."""

NOT_RUN = {
    "README.md": 5,
    "docs/cookbook.md": 1,
    "docs/deployment.md": 5,
    "docs/envoy.md": 4,
    "docs/getting-started.md": 1,
    "docs/import.md": 1,
    "docs/index.md": 1,
    "docs/observability.md": 1,
    "docs/operations.md": 1,
    "docs/passkeys.md": 1,
    "docs/relay.md": 2,
    "docs/releasing.md": 1,
    "docs/second-factors.md": 1,
    "docs/services.md": 1,
}
"""How many blocks of a page are not run. Each has the comment `<!-- not run: why -->` before it."""

PAGES = sorted(
    ["README.md", *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
)


def to_be_run(page: str) -> list[str]:
    return [*blocks(page, "sh"), *blocks(page, "python")]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    why = "run the blocks in a test and name it in RUN_BY, or say why not in a comment before them"
    assert bool(to_be_run(page)) is (page in RUN_BY), why
    assert len(reasons(page)) == NOT_RUN.get(page, 0), why
    assert all(len(reason) > 15 for reason in reasons(page))


@pytest.mark.parametrize(("page", "test"), RUN_BY.items())
def test_the_test_that_is_named_runs_the_page(page: str, test: str) -> None:
    source = (ROOT / test).read_text(encoding="utf-8")
    name = Path(page).name

    assert name in source
    if f'lines("{page}")' in source:  # which gives the blocks that call grpcurl
        assert lines(page) == blocks(page)


@pytest.mark.parametrize("page", PAGES)
def test_no_other_language_hides_commands(page: str) -> None:
    fences = set(re.findall(r"^ *```(\w+)", text_of(page), re.MULTILINE))

    assert fences <= {"sh", "python", "js", "text", "sequence", "json", "yaml", "proto"}


def test_a_reason_counts_for_the_block_after_it_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: because -->\n```sh\na\n```\n\n```sh\nb\n```\n```python\nc\n```\n"
    )

    assert (blocks(str(page)), blocks(str(page), "python")) == (["b\n"], ["c\n"])
    assert reasons(str(page)) == ["because"]

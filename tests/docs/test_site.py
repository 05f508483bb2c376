"""The site builds without a warning, is whole, and loads nothing from anywhere else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from tools.reference import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]

_LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}
_HARMLESS = {"canonical", "alternate", "next", "prev"}
"""What a browser does not fetch because of a `link`."""


class _Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given.get("id", ""), given.get("name", "")}
        if tag in _LOADED and not (tag == "link" and given.get("rel") in _HARMLESS):
            self.loaded.append(given.get(_LOADED[tag], ""))
        if tag == "a":
            self.links.append(given.get("href", ""))


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build it where no network is asked for: every proxy leads nowhere."""
    directory = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:1")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)],
        cwd=ROOT,
        env={**os.environ, **nowhere, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    yield directory


def test_nothing_is_loaded_from_another_address(site: Path) -> None:
    pages = {path: _Page(path) for path in site.rglob("*.html")}

    assert len(pages) > 60
    for path, page in pages.items():
        foreign = [url for url in page.loaded if re.match(r"(https?:)?//", url)]
        assert foreign == [], path
        assert "mermaid" not in path.read_text(encoding="utf-8"), path
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", text), sheet


def test_every_link_within_the_site_leads_to_something(site: Path) -> None:
    pages = {path.resolve(): _Page(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            address, fragment = urldefrag(link)
            target = (path.parent / unquote(address)).resolve() if address else path
            target = target / "index.html" if target.is_dir() else target
            if target in pages:
                if unquote(fragment) not in pages[target].anchors:
                    broken.append((path.relative_to(site), link))
            elif not target.exists():
                broken.append((path.relative_to(site), link))

    assert broken == []


def test_a_proof_leads_to_the_line_of_its_test(site: Path) -> None:
    page = (site / "promises" / "index.html").read_text(encoding="utf-8")
    (link,) = set(
        re.findall(r'href="([^"]*)">of 64 racing refreshes all get the one successor<', page)
    )
    address, fragment = urldefrag(link)
    line = int(fragment.rpartition("-")[2])
    source = Path("tests/promises/test_refresh.py")

    assert address.endswith(f"source/{source}/")
    assert "of_64_racing" in (ROOT / source).read_text(encoding="utf-8").splitlines()[line - 1]


def test_drawings_are_part_of_their_pages(site: Path) -> None:
    for page, drawings in (("", 1), ("concepts", 2), ("security", 1)):
        text = (site / page / "index.html").read_text(encoding="utf-8")
        assert len(re.findall(r'class="diagram".*?<svg', text, re.DOTALL)) == drawings

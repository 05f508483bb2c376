"""What mkdocs does for this site alone: folders in the navigation, drawings in place, and the files
of the project that pages lead to, each as a page.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_OUTSIDE = re.compile(r"\]\((\.\./[^)#\s]+)(?:#([^)\s]+))?\)")
"""A link that leaves docs/; deeper folders have more dots and are resolved below."""
_DRAWING = re.compile(r'<img alt="([^"]*)" src="[./]*diagrams/([\w-]+\.svg)" ?/?>')
_LINE = re.compile(r'(<a href="[^"#]*)" title="line (\d+)"')
_LANGUAGES = {".py": "python", ".proto": "protobuf", ".toml": "toml", ".md": "text"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the pages of folders that the navigation names."""
    config.nav = [_unfolded(item) for item in config.nav or []]
    return config


def _unfolded(item: object) -> object:
    if isinstance(item, dict):
        return {title: _unfolded(inner) for title, inner in item.items()}
    if isinstance(item, list):
        return [page for inner in item for page in _pages(inner)]
    return item


def _pages(item: object) -> list[object]:
    if not isinstance(item, str) or not item.endswith("/"):
        return [_unfolded(item)]
    found = sorted((DOCS / item).glob("*.md"), key=lambda path: (path.stem != "index", path.stem))
    return [str(path.relative_to(DOCS)) for path in found]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages lead to outside of docs/."""
    leading = [file for file in files.documentation_pages() if file.src_uri != "index.md"]
    for target in sorted({path for file in leading for path in _targets(file)}):
        name = f"{_page_of(target)}.md"
        files.append(File.generated(config, name, content=_shown(target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead to the pages of files outside of docs/."""
    if page.file.src_uri.startswith("source/"):
        return markdown
    up = "../" * page.file.src_uri.count("/")

    def lead(match: re.Match[str]) -> str:
        target = _resolved(page.file.src_uri, match[1])
        if target is None:
            return match[0]
        if target == Path("README.md"):
            return f"]({up}getting-started.md)"
        return f"]({up}{_page_of(target)}.md{_line_of(target, match[2])})"

    return _OUTSIDE.sub(lead, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put drawings into the page itself, where they take on its colours, and lead to lines."""
    html = _LINE.sub(r'\1#__codelineno-0-\2"', html)

    def draw(match: re.Match[str]) -> str:
        drawing = (DOCS / "diagrams" / match[2]).read_text(encoding="utf-8")
        return f'<span class="diagram" role="img" aria-label="{match[1]}">{drawing}</span>'

    return _DRAWING.sub(draw, html)


def _targets(file: File) -> list[Path]:
    found = (_resolved(file.src_uri, match[1]) for match in _OUTSIDE.finditer(file.content_string))
    return [path for path in found if path is not None and path != Path("README.md")]


def _resolved(source: str, link: str) -> Path | None:
    """Give the file that a link leads to, from the root of the project, if it is not in docs/."""
    target = (DOCS / source).parent.joinpath(link).resolve()
    if target.is_relative_to(DOCS) or not target.exists():
        return None
    return target.relative_to(ROOT)


def _page_of(target: Path) -> str:
    return f"source/{target}"


def _line_of(target: Path, function: str | None) -> str:
    """Give the line where a function begins, as the title of a link: mkdocs looks for anchors in
    Markdown alone, and would not find that of a line of code.
    """
    if not function or target.suffix != ".py":
        return ""
    text = (ROOT / target).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if f"def {function}(" in line:
            return f' "line {number}"'
    return ""


def _shown(target: Path) -> str:
    """Give a page that shows a file or lists a folder."""
    head = (
        f"---\nsearch:\n  exclude: true\nhide:\n  - toc\n---\n\n# {target.name}\n\n`{target}`\n\n"
    )
    if (ROOT / target).is_dir():
        names = sorted(path.name for path in (ROOT / target).iterdir() if path.is_file())
        return head + "\n".join(f"- `{name}`" for name in names) + "\n"
    text = (ROOT / target).read_text(encoding="utf-8")
    language = _LANGUAGES.get(target.suffix, "text")
    return f'{head}~~~~ {{ .{language} linenums="1" }}\n{text}\n~~~~\n'

"""Sequence diagrams, drawn from a few lines of text.

Each line is a message, or a note over one or more of those who take part:

    person -> shop: name and password
    shop -> authsvc: Login
    authsvc --> shop: tokens
    note authsvc: one hash always

`->` is drawn through, `-->` dashed: an answer. Columns come in the order in which they are first
named. Colours are those of the page.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Any

_LINE = re.compile(r"(?P<from>[^:]+?) *(?P<arrow>-->|->) *(?P<to>[^:]+?): *(?P<text>.+)")
_NOTE = re.compile(r"note (?P<over>[^:]+?): *(?P<text>.+)")
_COLUMN, _MARGIN, _HEAD, _STEP = 190, 20, 34, 46
_LETTER = 6.6
"""How wide a letter is, about, in the size in which messages are written."""


@dataclass
class _Drawing:
    columns: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    y: int = _MARGIN + _HEAD

    def column(self, name: str) -> float:
        """Give where the line of somebody is, whom the diagram knows from now on."""
        if name not in self.columns:
            self.columns.append(name)
        return _MARGIN + (self.columns.index(name) + 0.5) * _COLUMN

    def message(self, begin: float, end: float, text: str, *, is_answer: bool) -> None:
        """Draw a message."""
        self.y += _STEP
        dashes = ' stroke-dasharray="5 4"' if is_answer else ""
        tip = end - 7 if end > begin else end + 7
        self.parts += [
            f'<text class="said" x="{(begin + end) / 2}" y="{self.y - 8}">{text}</text>',
            f'<line class="arrow" x1="{begin}" y1="{self.y}" x2="{tip}" y2="{self.y}"{dashes}/>',
            f'<path class="tip" d="M{end} {self.y}L{tip} {self.y - 4.5}L{tip} {self.y + 4.5}z"/>',
        ]

    def note(self, first: float, last: float, text: str) -> None:
        """Draw a note over one or several columns."""
        self.y += _STEP
        width = max(last - first + _COLUMN * 0.7, len(html.unescape(text)) * _LETTER + 20)
        middle = (first + last) / 2
        place = f'x="{middle - width / 2}" y="{self.y - 24}" width="{width}"'
        self.parts += [
            f'<rect class="note" {place} height="30" rx="4"/>',
            f'<text class="said" x="{middle}" y="{self.y - 4}">{text}</text>',
        ]

    def finished(self) -> str:
        """Give all of it, with the columns behind."""
        width, height = 2 * _MARGIN + _COLUMN * len(self.columns), self.y + _MARGIN
        behind = []
        for name in self.columns:
            x = self.column(name)
            place = f'x="{x - 70}" y="{_MARGIN}" width="140" height="{_HEAD}"'
            behind += [
                f'<line class="life" x1="{x}" y1="{_MARGIN + _HEAD}" x2="{x}" y2="{height - 8}"/>',
                f'<rect class="who" {place} rx="6"/>',
                f'<text class="name" x="{x}" y="{_MARGIN + 22}">{html.escape(name)}</text>',
            ]
        return (
            f'<svg class="sequence" viewBox="0 0 {width} {height}" style="max-width:{width}px" '
            f'xmlns="http://www.w3.org/2000/svg">{"".join([*behind, *self.parts])}</svg>'
        )


def drawn(source: str) -> str:
    """Give the diagram as SVG.

    Raises:
        ValueError: A line is neither a message nor a note.

    """
    drawing = _Drawing()
    for line in filter(None, map(str.strip, source.splitlines())):
        if note := _NOTE.fullmatch(line):
            over = [drawing.column(name.strip()) for name in note["over"].split(",")]
            drawing.note(min(over), max(over), html.escape(note["text"]))
        elif message := _LINE.fullmatch(line):
            begin, end = drawing.column(message["from"]), drawing.column(message["to"])
            text = html.escape(message["text"])
            drawing.message(begin, end, text, is_answer=message["arrow"] == "-->")
        else:
            raise ValueError(f"neither a message nor a note: {line}")
    return drawing.finished()


def fence(source: str, *_: Any, **__: Any) -> str:
    """Draw a fenced block, as pymdownx.superfences asks."""
    return f'<div class="diagram">{drawn(source)}</div>'

"""Sequence diagrams are drawn from text, and nothing in the text is more than text."""

from xml.etree import ElementTree as ET

import pytest

from tools.site.sequence import drawn

_SVG = "{http://www.w3.org/2000/svg}"


def texts(source: str) -> list[str]:
    drawing = ET.fromstring(drawn(source))
    return [str(text.text) for text in drawing.iter(f"{_SVG}text")]


def test_everybody_and_every_message_is_drawn() -> None:
    told = texts("a person -> shop: name\nshop --> a person: tokens\nnote shop: one hash")

    assert told == ["a person", "shop", "name", "tokens", "one hash"]


def test_an_answer_is_dashed_and_goes_back() -> None:
    drawing = ET.fromstring(drawn("a -> b: x\nb --> a: y"))
    there, back = (e for e in drawing.iter(f"{_SVG}line") if e.get("class") == "arrow")

    assert float(there.attrib["x1"]) < float(there.attrib["x2"])
    assert float(back.attrib["x1"]) > float(back.attrib["x2"])
    assert (there.get("stroke-dasharray"), back.get("stroke-dasharray")) == (None, "5 4")


def test_markup_is_drawn_and_not_obeyed() -> None:
    assert texts("<b> -> &c: <script>x</script>") == ["<b>", "&c", "<script>x</script>"]


@pytest.mark.parametrize("line", ["a", "a -> b", "a: b", "-> b: c"])
def test_what_is_neither_message_nor_note_fails(line: str) -> None:
    with pytest.raises(ValueError, match="neither a message nor a note"):
        drawn(line)

"""Docstrings are taken apart into text, sections and fields."""

from __future__ import annotations

from dataclasses import dataclass

from ouroloop.inspect.pages.docstrings import doc_of, field_docs


@dataclass
class Thing:
    """A thing.

    It has more to say.

    Args:
        size: how large it is,
            in cells.
        colour: of the front.

    Raises:
        ValueError: it is too large.
    """

    size: int
    colour: str
    name: str = ""
    """What it is called."""


def test_text_and_sections_are_apart() -> None:
    doc = doc_of(Thing)
    assert doc.text == "A thing.\n\nIt has more to say."
    assert doc.sections["Args"] == {"size": "how large it is, in cells.", "colour": "of the front."}
    assert doc.sections["Raises"] == {"ValueError": "it is too large."}


def test_a_field_is_explained_above_or_below() -> None:
    assert field_docs(Thing) == {
        "size": "how large it is, in cells.",
        "colour": "of the front.",
        "name": "What it is called.",
    }


def test_a_name_without_a_docstring_has_an_empty_one() -> None:
    class Bare:
        pass

    assert doc_of(Bare).text == ""

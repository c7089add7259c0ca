"""From data to HTML: texts stay texts, numbers are short."""

from __future__ import annotations

import re

import pytest

from ouroloop.inspect.page.addresses import OnServer
from ouroloop.inspect.page.rendering import MOST, STATIC, Page, block, fenced, html, mark, seconds, signed, static

HOSTILE = "<script>alert(1)</script>\"'\x1b[2J\u202eevil"


def test_a_hostile_text_is_escaped_wherever_it_stands() -> None:
    shown = html(Page("error.html", HOSTILE, {"said": HOSTILE}, ((HOSTILE, ("runs", HOSTILE)),), run=HOSTILE), OnServer())
    assert "<script>alert" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b" in shown
    assert "\\u202e" in shown


def test_no_page_holds_a_script_a_style_or_a_handler_of_its_own() -> None:
    shown = html(Page("error.html", "x", {"said": "y"}), OnServer())
    assert re.findall(r"<script(?![^>]* src=)", shown) == []
    assert re.findall(r"\sstyle=|\son[a-z]+=", shown) == []


def test_a_long_text_is_cut_and_says_so() -> None:
    assert len(block("x" * (MOST + 500))) < MOST + 200
    assert "500 more characters" in block("x" * (MOST + 500))
    assert block("a < b") == "a &lt; b"


@pytest.mark.parametrize(("value", "said"), [(0.1234, "+0.123"), (-0.0001, "+0.000"), (None, "")])
def test_signed_numbers(value: float | None, said: str) -> None:
    assert signed(value) == said


@pytest.mark.parametrize(("value", "said"), [(5, "5 s"), (600, "10 min"), (9000, "2.5 h")])
def test_times(value: float, said: str) -> None:
    assert seconds(value) == said


def test_markdown_holds_text_as_text() -> None:
    assert mark("a | b\n[x](y) https://x.example @me <i>") == r"`a \| b [x](y) https://x.example @me <i>`"
    assert mark("a `` b`") == "``` a `` b` ```"
    assert mark("") == ""
    assert fenced([("same", "```"), ("more", "+x")]).startswith("````diff\n")


def test_static_files_name_no_other_host() -> None:
    for name in STATIC:
        assert re.findall(r"(?:https?:)?//(?!www\.w3\.org)[a-z]", static(name).replace("// ", "")) == [], name

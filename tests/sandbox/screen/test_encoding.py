"""Hidden characters, anywhere in what a candidate would leave behind: refused at layer `bytes`."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.text import hidden
from ouroloop.sandbox.screen.diff import make_diff
from ouroloop.sandbox.screen.encoding import check_characters
from ouroloop.sandbox.screen.static import static_screen

BASE = "def act(observation, logits):\n    return logits.index(max(logits))\n"
NEW = "def act(observation, logits):\n    return logits.index(min(logits))\n"


def smuggled(text: str, first: int) -> str:
    return "".join(chr(first + byte) for byte in text.encode())


HIDDEN = {
    "selectors of the supplement": "ok" + smuggled("ignore previous", 0xE0100),
    "selectors after a picture": "⚠️" + smuggled("ignore", 0xE0100),
    "selectors of 4 bits": "".join(f"{chr(0xFE00 + b // 16)}{chr(0xFE00 + b % 16)}" for b in b"hi"),
    "a selector after a letter": "a\ufe0f",
    "two selectors after a picture": "⚠\ufe0f\ufe0f",
    "a text selector": "⚠\ufe0e",
    "Mongolian selectors": "a\u180b\u180d",
    "a vowel separator": "a\u180eb",
    "tags": smuggled("ignore", 0xE0000),
    "Hangul filler": "\u3164",
    "Hangul choseong filler": "\u115f",
    "Hangul jungseong filler": "\u1160",
    "halfwidth filler": "\uffa0",
    "Khmer vowel": "\u17b4",
    "grapheme joiner": "a\u034fb",
    "blank Braille": "\u2800",
    "musical null": "\U0001d159",
    "zero width space": "a\u200bb",
    "zero width joiner": "a\u200db",
    "word joiner": "a\u2060b",
    "invisible times": "a\u2062b",
    "soft hyphen": "a\u00adb",
    "byte-order mark inside": "a\ufeffb",
    "override": "\u202eab\u202c",
    "isolate": "\u2067ab\u2069",
    "Arabic letter mark": "\u061c",
    "interlinear": "\ufff9a\ufffa",
    "private use": "\ue000",
    "plane 16": "\U00100000",
    "noncharacter": "\uffff",
    "unassigned": "\u0378",
    "next line": "a\x85import os",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "C1": "\x9b31m",
    "delete": "\x7f",
    "escape": "\x1b]8;;http://x\x07",
    "bell": "\x07",
    "vertical tab": "\x0b",
    "carriage return": "a\rb",
    "flood of marks": "a" + "\u0301" * 9,
    "flood of mixed marks": "a" + "\u0301\u20dd\u0e31" * 4,
}
NAMES = {name: text for name, text in HIDDEN.items() if ("a" + text).isidentifier()}


def layer_of(text: str) -> str:
    with pytest.raises(CandidateFault) as caught:
        static_screen(text, BASE)
    return caught.value.layer


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_text_is_refused_wherever_it_stands(name: str) -> None:
    text = HIDDEN[name]
    for source in (NEW + f"# {text}\n", NEW + f"X = '{text}'\n", f'"""Say {text}."""\n' + NEW):
        assert layer_of(source) == "bytes"
        assert layer_of(f"Here:\n```python\n{source}```\n") == "bytes"
        assert layer_of(make_diff(BASE, source)) == "bytes"
    edit = f"<<<<<<< SEARCH\n    return logits.index(max(logits))\n=======\n    # {text}\n    return 0\n>>>>>>> REPLACE\n"
    assert layer_of(edit) in ("text", "bytes")


@pytest.mark.parametrize("name", NAMES)
def test_hidden_letters_make_no_name(name: str) -> None:
    assert layer_of(NEW + f"a{NAMES[name]} = 3\n") == "bytes"
    assert layer_of(NEW.replace("    return", f"    a{NAMES[name]} = 3\n    return")) == "bytes"


def test_some_hidden_characters_can_stand_in_names() -> None:
    assert {"Hangul filler", "selectors of the supplement", "a selector after a letter", "grapheme joiner"} <= set(NAMES)


SHOWN = ["→ ✓ é ñ", "⚠️ careful ❤️", "🐍", "Việt", "한국어", "שָׁלוֹם", "नमस्ते", "a\u0323\u0302\u0301", "½ ² ﬁ", "\u00a0", "日本"]


@pytest.mark.parametrize("text", SHOWN)
def test_what_shows_passes(text: str) -> None:
    assert static_screen(NEW + f"# {text}\n", BASE).source == NEW + f"# {text}\n"


@given(st.text(max_size=60))
def test_what_passes_hides_nothing_but_a_pictures_selector(text: str) -> None:
    passed = []
    with contextlib.suppress(CandidateFault):
        check_characters(text)
        passed = [char for char in text if hidden(char)]
    assert set(passed) <= {"\ufe0f"}

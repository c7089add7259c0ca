import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.protocols.text import hidden, next_at_least, plain, plain_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a \x1b[31mred\x1b[0m", "a \\x1b[31mred\\x1b[0m"),
        ("\x1b]8;;http://x\x07here", "\\x1b]8;;http://x\\x07here"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("\u202eright to left", "\\u202eright to left"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\u3164\ufe0f\U000e0101", "\\u3164\\ufe0f\\U000e0101"),
        ("\ud800", "\\ud800"),
        ("one\r\ntwo\tthree\n", "one\ntwo\tthree\n"),
        ("over\rwritten", "over\\rwritten"),
        ("déjà 蛇 [/INST] [move]", "déjà 蛇 [/INST] [move]"),
    ],
)
def test_only_what_can_be_seen_is_shown(text, shown):
    assert plain(text) == shown


def test_a_line_is_one_line():
    assert plain_line(" a\n b\t c\u2028") == "a b c\\u2028"
    assert plain_line("word " * 100, 20) == "word word word wo..."


@given(st.text())
def test_nothing_hidden_remains(text):
    assert not any(map(hidden, plain(text)))
    assert len(plain_line(text, 300)) <= 300
    assert plain(plain(text)) == plain(text)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_the_next_place_that_is_large_enough_is_found(pairs):
    needs, sizes = [need for need, _ in pairs], [size for _, size in pairs]
    found = [next((at for at in range(k + 1, len(sizes)) if sizes[at] >= need), None) for k, need in enumerate(needs)]
    assert next_at_least(needs, sizes) == found

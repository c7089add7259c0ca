"""What hypothesis draws for each target, and what atheris starts from: near misses of what is right."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from ouroloop.sandbox.probes import GREEDY
from ouroloop.sandbox.screen.diff import make_diff

CORPUS = Path(__file__).parents[1] / "corpus"
CHANGED = GREEDY.replace("max", "min")
DIFF = make_diff(GREEDY, CHANGED)
EDIT = "<<<<<<< SEARCH\n    return logits.index(max(logits))\n=======\n    return logits.index(min(logits))\n>>>>>>> REPLACE\n"
REPLY = '{"jsonrpc":"2.0","id":"$ID","result":[0,1,2]}'
ERROR = '{"jsonrpc":"2.0","id":"$ID","error":{"code":-32000,"message":"m","data":{"type":"KeyError","line":1,"row":0}}}'

LINES = st.sampled_from(
    [
        "--- a/controller.py", "+++ b/controller.py", "diff --git a/controller.py b/controller.py",
        "--- /dev/null",
        "index 12345..abcde 100644", "@@ -1,2 +1,2 @@", "@@ -1 +1 @@", "@@ -0,0 +1 @@", "@@ -2,9 +1,0 @@ x",
        "@@ -99999999,1 +1 @@",
        "@@@ -1 +1 @@@", " a", "-a", "+a", " b", "-b", "+b", "", " ", "-", "+", "\\ No newline at end of file", "\\", " line 3",
        "-line 4", "+line 4", "```", "```diff", "```python", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "a", "b", "line 7",
        "Binary files a/x and b/x differ", "GIT binary patch", "rename from x", "old mode 100644", "controller.py", "x/y.py",
        "def act(observation, logits):", "    return 0", "\u2028", "\r", "\x0c", "\ufeff", "\ud800", "١",
    ]
)  # fmt: skip
TOKENS = st.sampled_from(
    [
        *"()[]{}:;=+-*/%@#\"'\\\n\t ,.<>!&|^~`$?0", "def act(observation, logits):\n    ", "return ", "lambda ", "if ",
        "else ",
        "for x in ", "while ", "match ", "case ", "import ", "from math import sqrt\n", "yield ", "await ", "async ", "class ",
        "f'{", "}'", "'''", "rb'", "1e999", "0x", "1_0", "1j", "x", "act", "observation", "logits", "None", "True", "not ",
        "is ",
        "global x\n", "nonlocal x\n", "del ", "try:\n    ", "except ValueError:\n    ", "finally:\n    ", "with ", "assert ",
        "raise ", "**", "//", "->", ":=", "...", "__class__", "\n    ", "\n        ", "\n", "# nosec", "# coding: latin-1",
        "é", "\u202e",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    [
        "{", "}", "[", "]", ",", ":", '"jsonrpc"', '"2.0"', '"id"', '"$ID"', '"result"', '"error"', '"code"', "-32000",
        "-32001",
        '"message"', '"data"', '"type"', '"line"', '"row"', '"found"', "0", "1", "3", "4", "-1", "1.0", "1e400",
        "NaN", "Infinity",
        "true", "null", '"KeyError"', "[0,1,2]", "[[0],1,2]", REPLY, ERROR, "\\u0000", "\x00", "9" * 5000, "[" * 50, " ",
    ]
)  # fmt: skip


def joined(parts: st.SearchStrategy[str], between: str, most: int) -> st.SearchStrategy[bytes]:
    """Return texts of pieces as bytes."""
    return st.lists(parts, max_size=most).map(lambda some: between.join(some).encode("utf-8", "surrogatepass"))


def mutated(whole: str, parts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Return a right text with a stretch of it replaced by a few pieces."""
    spot = st.integers(0, len(whole))
    return st.tuples(spot, spot, st.lists(parts, max_size=3)).map(
        lambda cut: (whole[: min(cut[:2])] + "".join(cut[2]) + whole[max(cut[:2]) :]).encode("utf-8", "surrogatepass")
    )


INPUTS = {
    "diff": st.one_of(
        joined(LINES, "\n", 25), mutated(DIFF, LINES), mutated(EDIT, LINES), mutated(f"Text\n```diff\n{DIFF}```\n", LINES),
        st.binary(max_size=200),
    ),
    "screen": st.one_of(
        joined(TOKENS, "", 40).map(lambda text: CHANGED.encode() + text), mutated(CHANGED, TOKENS),
        mutated(f"```python\n{CHANGED}```", TOKENS), joined(TOKENS, "", 60), joined(LINES, "\n", 25), st.binary(max_size=200),
    ),
    "frozen": st.binary(max_size=12),
    "frames": st.one_of(
        st.binary(max_size=100), joined(PIECES, "", 20), mutated(REPLY, PIECES), mutated(ERROR, PIECES),
        JSON.map(lambda value: REPLY.replace("[0,1,2]", __import__("json").dumps(value)).encode()),
    ),
}  # fmt: skip

_FILES = [path.read_bytes() for path in sorted(CORPUS.glob("*.py"))]
SEEDS: dict[str, list[bytes]] = {
    "diff": [DIFF.encode(), EDIT.encode(), f"Text\n```diff\n{DIFF}```\n".encode(), *_FILES],
    "screen": [CHANGED.encode(), DIFF.encode(), *_FILES],
    "frozen": [bytes([byte]) for byte in range(32)],
    "frames": [REPLY.encode(), ERROR.encode(), b"\x00\x00\x00\x00", b"\xff\xff\xff\xff"],
}

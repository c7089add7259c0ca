"""Random texts through the way to the terminal: `python -m tests.cli.fuzz_text 1000000 [SEED]`."""

from __future__ import annotations

import io
import random
import sys

from rich.text import Text

from ouroloop.protocols.text import hidden
from ouroloop.streams import escaped
from ouroloop.terminal import Plain, cell

PIECES = (
    "[move]",
    "[/INST]",
    "[/",
    "[bold red]",
    "[link=x]",
    "\\[",
    ":smile:",
    "\x1b[2J",
    "\x1b]52;c;cm0=\x07",
    "\x1b]8;;http://x\x1b\\",
    "\x9b31m",
    "\x9d0;t\x9c",
    "\r",
    "\n",
    "\t",
    "\x08",
    "\x7f",
    "\x00",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\U000e0041",
    "\U000e0100",
    "\ufe0f",
    "\u3164",
    "\ud800",
    "\udcff",
    "e\u0301",
    "\u4e2d",
    "\U0001f600",
    "\U0001f468\u200d\U0001f469",
    " ",
    "a",
)
"""What is known to do harm, and what is not."""


def texts(count: int, seed: int) -> list[str]:
    """Return texts of harmful pieces and of any code points."""
    luck = random.Random(seed)
    found = []
    for _ in range(count):
        pieces = luck.choices(PIECES, k=luck.randrange(1, 8))
        pieces += [chr(luck.randrange(0x110000)) for _ in range(luck.randrange(4))]
        luck.shuffle(pieces)
        found.append("".join(pieces))
    return found


def check(batch: list[str], width: int) -> None:
    """Print texts as strings, as styled cells and as lines; none may leave a hidden character or lose a visible one."""
    console = Plain(width=width, file=io.StringIO())
    for found in (map(console.render_str, batch), (cell(text, "bold") for text in batch)):
        console.print(Text("\n").join(found))
    lines = list(map(escaped, batch))
    assert not any("\n" in line for line in lines)
    shown = str(console.file.getvalue()) + "".join(lines)
    bad = [char for char in set(shown) if hidden(char)]
    assert not bad, f"{bad!r} of {[text for text in batch if any(char in text for char in bad)]!r}"
    for mark in ("[move]", "[/INST]", ":smile:"):
        assert "".join(shown.split()).count(mark) >= 3 * sum(text.count(mark) for text in batch), mark


def main(count: int, seed: int) -> None:
    """Check that many texts."""
    for start in range(0, count, 1000):
        check(texts(min(1000, count - start), seed + start), 10_000)
        if start % 50_000 == 0:
            print(f"{start + 1000} texts, none left a hidden character", flush=True)
    print(f"{count} texts, none left a hidden character", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)

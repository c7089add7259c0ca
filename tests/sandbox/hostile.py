"""The corpus of hostile patches."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")


@dataclass(frozen=True)
class Hostile:
    """One file of the corpus.

    Args:
        name: of the file.
        layer: the layer that its first line names.
        expect: the outcome named there.
        text: the whole file.
    """

    name: str
    layer: str
    expect: str
    text: str

    @property
    def diff(self) -> str | None:
        """The patch text that the file carries in a constant, where the trick is in the patch and not in the program."""
        found = [line for line in self.text.split("\n") if line.startswith("DIFF = ")]
        return ast.literal_eval(found[0].removeprefix("DIFF = ")) if found else None


def corpus(*layers: str) -> list[Hostile]:
    """Return the files of the corpus whose first line names one of these layers."""
    return [file for file in hostile(FOLDER) if file.layer in layers]


def hostile(folder: Path) -> list[Hostile]:
    """Return a folder's files."""
    out = []
    for path in sorted(folder.glob("*.py")):
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        head = text.split("\n")[0].removeprefix("\ufeff").removeprefix("# layer: ")
        layer, _, expect = head.partition("; expect: ")
        out.append(Hostile(path.stem, layer, expect, text))
    return out

"""The page on the recipes that come with the sources, `docs/recipes.md`.

`python -m ouroloop.inspect.pages.shipped > docs/recipes.md` writes it, in a checkout, from the comment at the head of each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ouroloop.inspect.pages.docstrings import wrapped

HEAD: Final = """\
# The recipes that ship

Each is a file below `recipes/`. [Recipes](recipe.md) explains the keys. `ouroloop run`, `ouroloop ablate` and
`ouroloop train` take any of them as a start, with `--set key=value` for what is to differ.
`python -m ouroloop.inspect.pages.shipped > docs/recipes.md` writes this page from the comments in them.
"""
FOLDER: Final = Path(__file__).parents[3] / "recipes"


def page(folder: Path = FOLDER) -> str:
    """Return the page about all recipes of a folder."""
    return HEAD + "".join(_section(file, folder) for file in sorted(folder.rglob("*.toml"), key=_place))


def _place(file: Path) -> tuple[int, str]:
    return len(file.parts), file.as_posix()


def _section(file: Path, folder: Path) -> str:
    """Return what the comment at the head of a recipe says; indented lines of it are commands."""
    comment = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").removeprefix(" "))
    name = file.relative_to(folder).as_posix()
    prose = " ".join(line for line in comment if not line.startswith("  "))
    commands = "\n".join(line.strip() for line in comment if line.startswith("  "))
    code = f"\n```sh\n{commands}\n```\n" if commands else ""
    return f"\n## [{name}](../recipes/{name})\n\n{wrapped(prose)}\n{code}"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  (the page goes to stdout)

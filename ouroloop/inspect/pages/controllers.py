"""The page on controllers, `docs/controllers.md`: what a controller is given, and the toolkit that it may import.

`python -m ouroloop.inspect.pages.controllers > docs/controllers.md` writes it. The position, its values and the toolkit are
those of the game itself; a test fails when the file and the code differ, or when a key has no meaning here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pprint import pformat
from string import Template
from typing import Any, Final

import numpy as np

from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.inspect.pages.markdown import table
from ouroloop.protocols.ports import Task
from ouroloop.protocols.records import Row, ToolkitFunction
from ouroloop.sandbox.screen.vocabulary import MODULES

SEED, MOVES, TEACHER = 226, 37, "astar"
"""The position that the page shows: of a teacher's game, after so many moves. There the short way to the food is a trap."""
KEYS: Final = {
    "size": ("cells", "side of the board"),
    "board": ("a code per cell", "the whole board, row by row: `size * size` codes"),
    "snake": ("cells", "the snake, head first, tail last"),
    "food": ("cell", "where the food lies; -1 if the board is full"),
    "idle": ("steps", "moves since the last food, or since the start"),
}
"""Key of an observation -> its unit, and its meaning."""
CODES: Final = {".": "empty", "o": "body", "@": "head", "*": "food", "#": "wall"}
"""Sign of a cell -> what it shows, in the order of the codes."""
LEADS: Final = ("to the cell `- size`", "to the cell `+ size`", "to the cell `- 1`", "to the cell `+ 1`")
"""Where each move leads."""
KINDS: Final = {
    "moves": "Moves that qualify",
    "move": "One move, or None",
    "test": "Tests of a move",
    "measure": "Measures of a move",
}
"""Kind of a toolkit function -> its heading."""
UNITS: Final = {
    "space_after": "cells",
    "food_distance": "steps",
    "tail_distance": "steps",
    "free_neighbours": "cells",
    "cycle_gap": "steps",
}
"""Measure of the toolkit -> its unit."""
EXAMPLE: Final = '''\
"""Goes to the food by safe ways; the policy decides between equals."""

from toolkit import food_distance, legal_moves, safe_moves


def act(observation, logits):
    """Return the safe move nearest the food, or any legal one."""
    moves = safe_moves(observation) or legal_moves(observation) or range(4)
    return min(moves, key=lambda move: (food_distance(observation, move), -logits[move]))
'''

PAGE: Final = Template("""\
# Controllers

A controller is one Python file with a function `act(observation, logits)` that returns the index of a move. The roles
of `patch.propose` change it, and the sandbox runs it.

```python
$example```

These are the observation and the toolkit of $game. Every game has its own ([games.md](games.md));
`task.engine(seeds).observations().row(0)` shows an observation of any. A role finds the toolkit in its request, as
`toolkit`: name, signature, first line of the docstring and kind of each function.

## The observation

A dict of numbers and lists of numbers, made anew for each call. A cell is a number: `row * size + column`, from 0 in
the upper left corner.

$keys

$codes

This position, for instance, is the observation below it:

```
$board
```

```
$row
```

## The moves, and `logits`

`logits` is a list of $count numbers, one per move, as the policy rates them: the higher the better. A softmax of them
gives the policy's probability of each move.

$moves

## The toolkit

`from toolkit import legal_moves`. "After the move" means the board as it lies then; the tail has moved on, unless the
move eats. What cannot be reached is at the distance `FAR` (`1 << 20`). Nothing here raises on a legal observation. For
a move that is a death a test says False, a distance is `FAR`, and any other measure is 0. The Hamiltonian cycle is a
way through all cells that ends where it began. It exists on boards with an even side and no walls.

The column *here* has the value in the position above. A function of a move has a value for each move, in their order.

$toolkit

## What else

A controller may also import names of $modules.
[security.md](security.md) tells what the screen refuses. The same observation and logits must always give the same
move. `ouroloop screen FILE` takes a controller through every check before the gate.
`ouroloop watch --policy NAME --controller FILE` shows it at play.
""")


def page() -> str:
    """Return the page."""
    task = make_task(TaskSettings())
    games = _position(task)
    seen = games.observations()
    row = seen.row(0)
    return PAGE.substitute(
        example=EXAMPLE,
        game=task.name,
        keys=table(("key", "type", "unit", "meaning"), {key: (_type(row[key]), *KEYS[key]) for key in row}),
        codes=table(("code in `board`", "meaning"), {str(code): what for code, what in enumerate(CODES.values())}),
        board=task.ansi(seen, 0),
        row=pformat(row, width=100, compact=True, sort_dicts=False),
        count=len(task.actions),
        moves=table(("move", "name", "leads"), {str(i): pair for i, pair in enumerate(zip(task.actions, LEADS, strict=True))}),
        toolkit="\n\n".join(_section(task, kind, row) for kind in KINDS),
        modules=", ".join(f"`{name}`" for name in MODULES),
    )


def _position(task: Task) -> Any:
    games = task.engine(np.array([SEED], dtype=np.uint64))
    teachers = task.teachers
    if teachers is None:
        raise AssertionError(f"the page's position comes from a teacher; {task.name} has none")
    for _ in range(MOVES):
        games.step(teachers.teach(TEACHER, games))
    return games


def _type(value: object) -> str:
    """Return the type of an observation's value as Python writes it."""
    if not isinstance(value, list):
        return f"`{type(value).__name__}`"
    return f"`list[{type(value[0]).__name__}]`"


def _section(task: Task, kind: str, row: Row) -> str:
    """Return the table of the toolkit's functions of one kind."""
    tools = [tool for tool in task.toolkit if tool.kind == kind]
    (signature,) = {tool.signature for tool in tools}
    module = _loaded(task.toolkit_source)
    rows = {tool.name: _cells(tool, module, row, len(task.actions)) for tool in tools}
    unit = ("unit",) if kind == "measure" else ()
    return f"### {KINDS[kind]}: `{signature}`\n\n{table(('function', 'does', *unit, 'here'), rows)}"


def _cells(tool: ToolkitFunction, module: Mapping[str, Any], row: Row, actions: int) -> tuple[str, ...]:
    """Return what a function does, a measure's unit, and what it says of a position."""
    unit = (UNITS[tool.name],) if tool.kind == "measure" else ()
    return (tool.doc, *unit, f"`{_value(module[tool.name], row, tool, actions, module['FAR'])}`")


def _value(function: Callable[..., object], row: Row, tool: ToolkitFunction, actions: int, far: int) -> str:
    """Return what a function says of a position: one value, or one per move."""
    if tool.kind in ("moves", "move"):
        return str(function(row))
    return "[" + ", ".join("FAR" if (value := function(row, move)) == far else str(value) for move in range(actions)) + "]"


def _loaded(source: str) -> dict[str, Any]:
    module: dict[str, Any] = {"__name__": "toolkit"}
    exec(compile(source, "toolkit.py", "exec"), module)  # noqa: S102  (a shipped game's own source)
    return module


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  (the page goes to stdout)

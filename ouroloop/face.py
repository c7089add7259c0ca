"""The Python face: what `import ouroloop` offers beside the verbs of single parts. Arguments, calls and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ouroloop.inspect.report import RunReport, open_run
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.lifecycle import create, work
from ouroloop.runs.progress import Quiet
from ouroloop.runs.proposers.prices import with_prices_of
from ouroloop.runs.recipe import Recipe, build_recipe, decisive, load_recipe, read_recipe

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Role, Task

Settings = Mapping[str, Any]


def run(
    recipe: str | Path | Settings | Recipe,
    path: str | Path,
    *,
    task: str | Settings | None = None,
    roles: Mapping[str, str | type[Role] | Settings | list[str | type[Role] | Settings]] | None = None,
) -> RunReport:
    """Run a recipe to the end of its budget, or go on with it where the directory holds the same run, and report.

    A run that was killed or stopped goes on where it was; one that is done comes back as it is. With a larger budget in the
    recipe it goes on further. Nothing is printed. A script that calls this needs `if __name__ == "__main__":`, since
    trainings run in processes of their own.

    Args:
        recipe: a TOML file, its tables as a dict, or a `Recipe`.
        path: the run directory.
        task: settings that replace those of the recipe's `[task]`, e.g. `{"size": 8}`, or a game's name.
        roles: who answers instead of whom the recipe names: `critic`, `reward_designer` or `code_patcher` -> a role's class,
            `"package.module:Class"`, `"file.py:Class"`, an installed role's name, or a whole table such as
            `{"use": ..., "count": 4}`; or a list of these for `reward_designer` and `code_patcher`.

    Raises:
        UsageError: an unknown key or bad value, a task or role that the recipe cannot hold, or a directory of another run.
        LedgerError: the run directory is damaged, or in use.
        SurroundingsError: no sandbox, no git, no room.
    """
    whole, folder = completed(recipe, task, roles), Path(path)
    more: tuple[str, ...] = ()
    if folder.exists():
        more = _more(whole, folder)
    else:
        create(whole, folder, Quiet(notes=False))
    work(folder, Quiet(notes=False), more, trust=True)  # the caller gave the recipe
    return open_run(folder)


def make(game: str, **settings: Any) -> Task:
    """Return a game, e.g. `make("snake", size=8, walls=0.06)`; the settings are those of a recipe's `[task]`.

    Raises:
        UsageError: there is no such game or setting, or a board that cannot be.
    """
    from ouroloop.envs.registry import make_task

    return make_task(build_recipe({"task": {"name": game, **settings}}, source="make").task)


def completed(recipe: str | Path | Settings | Recipe, task: str | Settings | None, roles: Mapping[str, Any] | None) -> Recipe:
    """Return the whole recipe of a call of `run`; raises UsageError for what a recipe cannot hold."""
    tree = _tables(recipe)
    if task is not None:
        tree["task"] = {**tree.get("task", {}), **_task(task)}
    for name, role in (roles or {}).items():
        tables = tree.setdefault("roles", {})
        if isinstance(role, list | tuple):
            tables[name] = [_role(name, one) for one in role]
            continue
        old = tables.get(name, {})
        kept = {k: v for k, v in old.items() if k not in ("use", "model")} if isinstance(old, Mapping) else {}
        tables[name] = {**kept, **_role(name, role)}
    return build_recipe(tree)


def _tables(recipe: str | Path | Settings | Recipe) -> dict[str, Any]:
    if isinstance(recipe, str | Path):
        recipe = load_recipe(Path(recipe))
    if isinstance(recipe, Recipe):
        return recipe.model_dump(mode="json", exclude_none=True)
    if isinstance(recipe, Mapping):
        return {key: dict(value) if isinstance(value, Mapping) else value for key, value in recipe.items()}
    raise UsageError(f"a recipe is a TOML file, a dict of its tables or a Recipe; found {type(recipe).__name__}")


def _task(task: str | Settings) -> Settings:
    if isinstance(task, str):
        return {"name": task}
    if isinstance(task, Mapping):
        return task
    raise UsageError(
        f"task is a {type(task).__name__}, which the run's recipe cannot hold, and a resumed run could not make again: "
        "give its settings, e.g. task={'name': 'snake', 'size': 8}"
    )


def _role(name: str, role: object) -> Settings:
    """Return a role's table in the recipe."""
    if isinstance(role, str):
        return {"use": role}
    if isinstance(role, Mapping):
        return {key: _role(name, value)["use"] if key == "use" else value for key, value in role.items()}
    if not isinstance(role, type):
        raise UsageError(
            f"role {name} is a live {type(role).__name__}, which the run's recipe cannot hold: give its class, "
            "or {'use': class, 'config': {...}} where it takes a config"
        )
    where = f"{role.__module__}:{role.__qualname__}"
    if (
        role.__module__ == "__main__"
        or "." in role.__qualname__
        or getattr(inspect.getmodule(role), role.__name__, None) is not role
    ):
        raise UsageError(
            f"role {name} is {where}, which a resumed run could not import: define the class at the top of a module "
            "of its own, or give 'path/to/file.py:Class'"
        )
    return {"use": where}


def _more(recipe: Recipe, folder: Path) -> tuple[str, ...]:
    """Return how the budget is to change for a run that exists; raises UsageError where it is another run."""
    begun = read_recipe(folder, unopened=True)  # the directory may name a stranger's game
    if recipe.seed is None:  # the run has drawn its own
        recipe = recipe.model_copy(update={"seed": begun.seed})
    recipe = with_prices_of(recipe, begun)
    old, new = (decisive(each) for each in (begun, recipe))
    if old != new:
        apart = ", ".join(key for key in new if new[key] != old.get(key))
        raise UsageError(f"{folder} is a run of another recipe (they differ in {apart}): choose another path, or its recipe")
    had, has = begun.budget.model_dump(mode="json"), recipe.budget.model_dump(mode="json")
    return tuple(f"budget.{key}={value}" for key, value in has.items() if value != had[key])

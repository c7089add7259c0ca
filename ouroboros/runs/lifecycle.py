"""Making, opening and closing runs. Nothing is written before everything that can be checked is checked."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ouroboros.protocols.errors import LedgerError, OuroborosError, UsageError
from ouroboros.runs.ledger import Ledger, require_room
from ouroboros.runs.recipe import Recipe, build_recipe, recipe_toml

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ouroboros.protocols.ports import Role, Sandbox, Task
    from ouroboros.runs.context import Run
    from ouroboros.runs.progress import Progress

NEED_MB = 64
ROLE_METHODS = {"critic": "critic.diagnose", "reward_designer": "reward.design", "code_patcher": "patch.propose"}
RUNS = Path("runs")


def next_folder(name: str, home: Path = RUNS) -> Path:
    """Return the first free `runs/<name>-NNN`."""
    taken = {p.name for p in home.glob(f"{name}-*")} if home.is_dir() else set()
    return next(home / f"{name}-{i:03d}" for i in range(1, 100_000) if f"{name}-{i:03d}" not in taken)


def create(recipe: Recipe, folder: Path, progress: Progress) -> None:
    """Make a run directory after checking that the run can begin.

    Raises:
        UsageError: the directory exists, or the recipe asks for what cannot be.
        SurroundingsError: no sandbox, or no room.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists already: `ouroboros resume {folder}` goes on with it, or choose another --run-dir")
    require_room(folder.parent, NEED_MB)
    task, sandbox, _ = _parts(recipe)
    sandbox.close()
    check_training_settings(recipe)
    del task
    try:
        folder.mkdir(parents=True)
        (folder / "recipe.toml").write_text(recipe_toml(recipe), encoding="utf-8")
        ledger = Ledger(folder / "ledger.sqlite", create=True)
        ledger.set_meta("status", "stopped")
        ledger.close()
    except (OSError, OuroborosError):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    progress.note(f"run directory {folder}")


def check_training_settings(recipe: Recipe) -> None:
    """Refuse unknown or impossible settings of the trainings before anything is written; raises UsageError."""
    from pydantic import ValidationError

    from ouroboros.perception.reader import ReaderConfig
    from ouroboros.policy.grpo import GrpoConfig
    from ouroboros.policy.sft import SftConfig
    from ouroboros.protocols.jsonrpc import one_line

    tables: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
        "sft": (SftConfig, recipe.sft.model_dump()),
        "grpo": (GrpoConfig, recipe.grpo.model_dump(exclude={"stages", "eta"})),
        "reader": (ReaderConfig, recipe.reader.model_dump(exclude={"noise"})),
    }
    for name, (model, values) in tables.items():
        try:
            model.model_validate(values)
        except ValidationError as error:
            known = ", ".join(sorted(model.model_fields))
            raise UsageError(f"[{name}] {one_line(error)}; its keys are {known}") from None


def _parts(recipe: Recipe) -> tuple[Task, Sandbox, dict[str, Role]]:
    from ouroboros.runs.roles import build_role
    from ouroboros.runs.tasks import make_task
    from ouroboros.sandbox.choose import choose

    task = make_task(recipe.task)
    roles = {name: build_role(getattr(recipe.roles, name), method) for name, method in ROLE_METHODS.items()}
    return task, choose(recipe.sandbox, task.toolkit_source, len(task.actions)), roles


def read_recipe(folder: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe saved with a run; only its budget may be overridden.

    Raises:
        UsageError: not a run directory, or another key than `budget.*` is set.
    """
    path = folder / "recipe.toml"
    for override in overrides:
        if not override.startswith("budget."):
            raise UsageError(
                f"--set {override}: a run that has begun takes only budget.* (its other settings are part of its record)"
            )
    try:
        return build_recipe(tomllib.loads(path.read_text(encoding="utf-8")), overrides, str(path))
    except FileNotFoundError:
        raise UsageError(f"{folder} is not a run directory: it holds no recipe.toml; `ouroboros list` shows the runs") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LedgerError(f"{path} is damaged ({error}): restore it from a copy, or start a new run") from None


@contextmanager
def locked(folder: Path) -> Iterator[IO[str]]:
    """Hold a run's lock; raises LedgerError where another process has it."""
    with (folder / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LedgerError(f"{folder} is in use by another process; wait for it or end it") from None
        yield file


def is_running(folder: Path) -> bool:
    """Return whether a process holds the run's lock."""
    try:
        with locked(folder):
            return False
    except (LedgerError, OSError):
        return True


@contextmanager
def opened(folder: Path, progress: Progress, overrides: tuple[str, ...] = ()) -> Iterator[Run]:
    """Open a run for work, with all its parts; undo what a killed process left half-done."""
    from ouroboros.runs.context import Run, standing
    from ouroboros.runs.players import Players
    from ouroboros.runs.store import Store
    from ouroboros.runs.training import Trainers
    from ouroboros.runs.workspace import Workspace

    recipe = read_recipe(folder, overrides)
    ledger = Ledger(folder / "ledger.sqlite")
    with locked(folder):
        task, sandbox, roles = _parts(recipe)
        progress.note(f"sandbox: {sandbox.name}")
        trainers = Trainers(min(2, recipe.threads))
        store, workspace = Store(folder / "artifacts"), Workspace(folder / "workspace")
        store.clear_scratch()
        states = standing(ledger)
        if states:
            workspace.reset_to(states[-1]["commit"])
        ledger.event("run.opened", {"sandbox": sandbox.name, "pid": os.getpid()})
        if overrides:
            (folder / "recipe.toml").write_text(recipe_toml(recipe), encoding="utf-8")
        try:
            players = Players(task, store, sandbox, recipe.seed, recipe.task.size)
            yield Run(recipe, folder, task, ledger, store, workspace, players, trainers, roles, progress)
        finally:
            trainers.close()
            sandbox.close()
            ledger.close()


def work(folder: Path, progress: Progress, overrides: tuple[str, ...] = ()) -> str:
    """Run or go on with a run until its budget is spent; return its status.

    `done`: all rounds are done; `stopped`: another budget was spent, or the user stopped it. A failure leaves `failed`.
    """
    from ouroboros.runs.budget import ROUNDS_DONE
    from ouroboros.runs.graph import run_rounds

    with opened(folder, progress, overrides) as run:
        _set_threads(run.recipe.threads)
        run.ledger.set_meta("status", "running")
        status = "failed"
        try:
            stopped = run_rounds(run)
            status = "done" if stopped == ROUNDS_DONE else "stopped"
            if status == "stopped":
                progress.note(stopped)
        except KeyboardInterrupt:
            status = "stopped"
            raise
        finally:
            _leave(run, status)
    return status


def _leave(run: Run, status: str) -> None:
    """Note the status; on a full disk that is one write too many, and the error under way says more."""
    try:
        run.ledger.set_meta("status", status)
    except (OuroborosError, sqlite3.Error):
        run.progress.note(f"the status {status!r} could not be written")


def _set_threads(count: int) -> None:
    from ouroboros.policy.snake_gpt import threads

    threads(max(1, count // 2))  # candidate and incumbent play side by side, one thread each

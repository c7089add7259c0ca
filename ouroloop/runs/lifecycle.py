"""Make, open and close runs. Everything that can be checked is checked before anything is written."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ouroloop.atomic import whole_directory, whole_file
from ouroloop.ledger.sqlite import Ledger, disk_full, is_full, require_room
from ouroloop.ledger.workspace import no_git
from ouroloop.protocols.errors import LedgerError, OuroloopError, UsageError
from ouroloop.protocols.text import shell_word
from ouroloop.runs.cache import cache_root
from ouroloop.runs.recipe import Recipe, build_recipe, identity, read_text, recipe_toml

if TYPE_CHECKING:
    from ouroloop.protocols.errors import CandidateFault
    from ouroloop.protocols.ports import Role, Sandbox, Task
    from ouroloop.runs.context import Run
    from ouroloop.runs.progress import Progress

NEED_MB = 64
TRIAL = 128
"""Positions on which a controller that the user named is tried."""
RUNS = Path("runs")


def next_folder(name: str, home: Path = RUNS) -> Path:
    """Return the first free `runs/<name>-NNN`."""
    taken = {p.name for p in home.glob(f"{name}-*")} if home.is_dir() else set()
    return next(home / f"{name}-{i:03d}" for i in range(1, 100_000) if f"{name}-{i:03d}" not in taken)


def create(recipe: Recipe, folder: Path, progress: Progress) -> None:
    """Make a run directory after checking that the run can begin. The directory appears whole or not at all.

    Raises:
        UsageError: the directory exists, or the recipe asks for something impossible.
        SurroundingsError: the sandbox, git, disk space, or the base of the start policy is missing.
    """
    if folder.exists():
        raise exists_already(folder)
    if shutil.which("git") is None:
        raise no_git()
    require_room(folder.parent, NEED_MB)
    _roles(recipe)
    source = _start_source(recipe)
    check_start(recipe)
    if not cache_root().is_dir():
        progress.note("first use: building the sandbox, which takes up to a minute")
    task, sandbox, _ = _parts(recipe, folder.name)
    with closing(sandbox):
        if source is not None:
            check_controller(task, sandbox, source, f"start.controller {recipe.start.controller}")
    try:
        with whole_directory(folder, replace=False) as half:
            (half / "recipe.toml").write_text(recipe_toml(recipe), encoding="utf-8")
            ledger = Ledger(half / "ledger.sqlite", "create")
            ledger.set_meta("status", "stopped")
            ledger.set_meta("recipe", identity(recipe))
            ledger.close()
    except OSError as error:
        if folder.exists():
            raise exists_already(folder) from None
        if is_full(error):
            raise disk_full(folder) from None
        raise UsageError(f"{folder} cannot be made: {error.strerror}; choose another --run-dir") from None
    progress.note(f"run directory {folder}")


def create_next(recipe: Recipe, progress: Progress, home: Path = RUNS) -> Path:
    """Make the next free `runs/<name>-NNN`, as `create` does, and return it; another run may take a number at the same time.

    Raises:
        UsageError, SurroundingsError: as `create`.
    """
    while True:
        folder = next_folder(recipe.name, home)
        try:
            create(recipe, folder, progress)
        except UsageError:
            if not folder.exists():
                raise
        else:
            return folder


def exists_already(folder: Path) -> UsageError:
    """Return the error for a run directory that exists already."""
    return UsageError(
        f"{folder} exists already: continue it with `ouroloop resume {shell_word(folder)}`, or choose another --run-dir"
    )


def check_start(recipe: Recipe) -> None:
    """Refuse a start controller, reward or policy that cannot be used. Opening the policy is the only full check of it.

    Raises:
        UsageError: one of them is missing, damaged, or made for another board; or the game lacks the encoding or a teacher.
        SurroundingsError: the base of the policy, or the base to be trained, is not on this machine.
    """
    from ouroloop.envs.capabilities import check_teacher, encoding_of
    from ouroloop.envs.registry import make_task
    from ouroloop.policy.sft.config import check_sft
    from ouroloop.protocols.errors import CandidateFault
    from ouroloop.rewards.language import parse

    start = recipe.start
    for key, name in (("controller", start.controller), ("reward", start.reward)):
        if name is not None and not Path(name).is_file():
            raise UsageError(f"start.{key}: the file {name} does not exist; give a file, or leave the key out")
    if start.reward is not None:
        try:
            parse(read_text(Path(start.reward), "start.reward"))
        except CandidateFault as error:
            raise UsageError(f"start.reward {start.reward} is not a reward spec: {error}") from None
    task = make_task(recipe.task)
    if recipe.roles.reward_designer.count and recipe.grpo.continuation != "policy":
        check_teacher(task, recipe.grpo.continuation)
    if start.policy not in ("sft", "random"):
        from ouroloop.policy.shipped import find_policy

        given = find_policy(start.policy)  # before the import of torch, which takes seconds
        from ouroloop.policy.bases import open_policy

        open_policy(given, task=task)
        return
    encoding_of(task, recipe.sft.encoding)
    if start.policy == "sft" and task.teachers is None:
        raise UsageError(
            f'the game {task.name} has no teachers, so start.policy = "sft" has nobody to learn from: set start.policy = '
            '"random", or give a policy directory'
        )
    if start.policy == "sft":
        check_sft(task, recipe.sft)
    if start.policy == "sft" and recipe.sft.base:
        from ouroloop.policy.bases.origin import find_checkpoint

        find_checkpoint(recipe.sft.base)


def _start_source(recipe: Recipe) -> str | None:
    """Return the start controller's source, after the layers that need no sandbox; None if the recipe names none.

    Raises:
        UsageError: the file cannot be read, or a layer refuses it.
    """
    from ouroloop.envs.registry import make_task
    from ouroloop.protocols.errors import CandidateFault
    from ouroloop.sandbox.screen.static import static_screen

    name = recipe.start.controller
    if name is None or not Path(name).is_file():
        return None  # `check_start` complains
    text = read_text(Path(name), "start.controller")
    try:
        return static_screen(text, make_task(recipe.task).start_controller).source
    except CandidateFault as fault:
        raise _refused(f"start.controller {name}", fault) from None


def check_controller(task: Task, sandbox: Sandbox, source: str, what: str) -> None:
    """Let a controller that the user named answer on some positions; raises UsageError if it does not keep the contract."""
    import numpy as np

    from ouroloop.protocols.errors import CandidateFault
    from ouroloop.sandbox.contract import check_contract

    seen = task.positions(0, TRIAL).observations()
    logits = np.random.default_rng(0).normal(size=(len(seen), len(task.actions))).astype(np.float32)
    try:
        check_contract(sandbox, source, seen, logits)
    except CandidateFault as fault:
        raise _refused(what, fault) from None


def _refused(what: str, fault: CandidateFault) -> UsageError:
    return UsageError(f"{what} is refused at layer {fault.layer}: {fault.reason}; `ouroloop screen` tells more")


def _roles(recipe: Recipe) -> dict[str, Role]:
    from ouroloop.agents.finding import build_role
    from ouroloop.agents.roles import ROLES

    return {slot.name: build_role(recipe.roles.of(slot), slot) for slot in ROLES}


def _parts(recipe: Recipe, run: str) -> tuple[Task, Sandbox, dict[str, Role]]:
    from ouroloop.envs.capabilities import sight_of
    from ouroloop.envs.registry import make_task
    from ouroloop.sandbox.choose import choose

    task = make_task(recipe.task)
    if recipe.perception == "vision":
        sight_of(task)
    roles = _roles(recipe)
    return task, choose(recipe.sandbox, task.toolkit_source, len(task.actions), run=run, image=recipe.sandbox_image), roles


def read_recipe(folder: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe saved with a run; only its budget may be overridden.

    Raises:
        UsageError: the folder is not a run directory, or a key other than `budget.*` is set.
        LedgerError: the saved recipe is damaged.
    """
    path = folder / "recipe.toml"
    for override in overrides:
        if not override.startswith("budget."):
            raise UsageError(
                f"--set {override}: once a run has begun, only budget.* can change (the other settings are part of its record)"
            )
    try:
        return build_recipe(tomllib.loads(path.read_text(encoding="utf-8")), overrides, str(path))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{folder} is not a run directory: it holds no recipe.toml; `ouroloop list` shows the runs") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LedgerError(f"{path} is damaged ({error}): restore it from a copy, or start a new run") from None


@contextmanager
def locked(folder: Path) -> Iterator[IO[str]]:
    """Hold a run's lock. Raises LedgerError if another process has it."""
    with (folder / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LedgerError(f"{folder} is in use by another process; wait for it or end it") from None
        yield file


def is_running(folder: Path) -> bool:
    """Return whether a process holds the run's lock."""
    try:
        with (folder / "run.lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def opened(folder: Path, progress: Progress, overrides: tuple[str, ...] = ()) -> Iterator[Run]:
    """Open a run for work, with all its parts; undo whatever a killed process left half-done."""
    from ouroloop.ledger.steps.apply import changes
    from ouroloop.ledger.store import Store
    from ouroloop.ledger.workspace import Workspace
    from ouroloop.runs.context import Run
    from ouroloop.runs.executors.local import Trainers
    from ouroloop.runs.players import Players

    with ExitStack() as stack:
        ledger = stack.enter_context(closing(Ledger(folder / "ledger.sqlite")))  # first: its error names another version
        recipe = read_recipe(folder, overrides)
        stack.enter_context(locked(folder))
        if ledger.meta("recipe") != identity(recipe):
            raise LedgerError(f"{folder / 'recipe.toml'} is not the recipe that the run began with: restore it from a copy")
        task, sandbox, roles = _parts(recipe, folder.name)
        stack.callback(sandbox.close)
        progress.note(f"sandbox: {sandbox.name}")
        trainers = stack.enter_context(closing(Trainers(min(2, recipe.threads))))
        store, workspace = Store(folder / "artifacts"), Workspace(folder / "workspace")
        store.clear_scratch()
        commits = [change.commit for _, change in changes(ledger)]
        workspace.recover(commits[-1] if commits else None)
        ledger.event("run.opened", {"sandbox": sandbox.name, "pid": os.getpid()})
        if overrides:
            with whole_file(folder / "recipe.toml") as half:
                half.write_text(recipe_toml(recipe), encoding="utf-8")
        players = Players(task, store, sandbox, recipe.seed)
        yield Run(recipe, folder, task, ledger, store, workspace, players, trainers, roles, progress)


def work(folder: Path, progress: Progress, overrides: tuple[str, ...] = ()) -> str:
    """Start or continue a run until its budget is spent; return its status.

    `done`: all rounds are done; `stopped`: another budget was spent, or the user stopped it. A failure leaves `failed`.
    """
    from ouroloop.runs.budget import ROUNDS_DONE
    from ouroloop.runs.graph import run_rounds

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
    """Note the status. If a full disk prevents even that, the error already under way says more."""
    try:
        run.ledger.set_meta("status", status)
    except (OuroloopError, sqlite3.Error):
        run.progress.note(f"the status {status!r} could not be written")


def _set_threads(count: int) -> None:
    from ouroloop.policy.snake_gpt import threads

    threads(max(1, count // 2))  # candidate and incumbent play side by side, one thread each

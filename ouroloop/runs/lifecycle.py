"""Make, open and close runs. Everything that can be checked is checked before anything is written.

The module is long because the checks and what they guard stand side by side.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.atomic import whole_directory, whole_file
from ouroloop.ledger.faults import DiskFull, disk_full, is_full, require_room
from ouroloop.ledger.lock import locked
from ouroloop.ledger.parts import LEDGER, RECIPE, require_own
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.workspace import no_git
from ouroloop.protocols.errors import LedgerError, OuroloopError, UsageError
from ouroloop.protocols.text import shell_word
from ouroloop.runs.cache import cache_root
from ouroloop.runs.recipe import Recipe, identity, read_recipe, read_text, recipe_toml
from ouroloop.runs.trust import agree, remember

if TYPE_CHECKING:
    from ouroloop.protocols.errors import CandidateFault
    from ouroloop.protocols.messages import Known
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


def create_next(recipe: Recipe, progress: Progress, home: Path = RUNS) -> Path:
    """Make a run directory under the first free name, also if others start runs at the same moment; see `create`."""
    while True:
        folder = next_folder(recipe.name, home)
        try:
            create(recipe, folder, progress)
        except UsageError:
            if not folder.exists():
                raise
        else:
            return folder


def create(
    recipe: Recipe, folder: Path, progress: Progress, *, tell_seed: bool = True, known: tuple[Known, ...] | None = None
) -> None:
    """Make a run directory after checking that the run can begin. The directory appears whole or not at all.

    Args:
        recipe: the recipe.
        folder: the run directory.
        progress: shows the progress.
        tell_seed: say what a fixed seed gives away; the caller says it otherwise.
        known: the entries of the recipe's library, as another run keeps them; they are read anew by default.

    Raises:
        UsageError: the directory exists, or the recipe asks for something impossible.
        SurroundingsError: the sandbox, git, disk space, or the base of the start policy is missing.
    """
    from ouroloop.envs.kernels import telling_of_compiling
    from ouroloop.runs.proposers.prices import with_prices
    from ouroloop.runs.proposers.turns import check_turns

    if folder.exists():
        raise exists_already(folder)
    if shutil.which("git") is None:
        raise no_git()
    require_room(folder.parent, NEED_MB)
    check_turns(recipe.roles, _roles(recipe))
    check_models(recipe)
    task = _task(recipe)
    with telling_of_compiling(progress.note):
        check_start(recipe, task)
    source = _start_source(recipe, task)
    known = _library(recipe, progress) if known is None else known
    if not cache_root().is_dir():
        progress.note("first use: building the sandbox, which takes up to a minute")
    with closing(_sandbox(recipe, task, folder.name)) as sandbox, telling_of_compiling(progress.note):
        if source is not None:
            check_controller(task, sandbox, source, f"start.controller {recipe.start.controller}")
        check_policy(recipe, task)  # last, because it takes longest
    recipe = with_prices(_with_seed(recipe, progress, tell=tell_seed), progress.note)
    from ouroloop.ledger.store import Store
    from ouroloop.runs.phases.start import keep_given

    try:
        with whole_directory(folder, replace=False) as half:
            (half / RECIPE).write_text(recipe_toml(recipe), encoding="utf-8")
            with closing(Ledger(half / LEDGER, "create")) as ledger:
                ledger.set_meta("status", "stopped")
                ledger.set_meta("recipe", identity(recipe))
                keep_given(recipe, task, source, known, Store(half / "artifacts"), ledger)
    except (OSError, DiskFull) as error:
        if isinstance(error, DiskFull) or is_full(error):
            raise disk_full(folder, "start again") from None
        if folder.exists():
            raise exists_already(folder) from None
        raise UsageError(f"{folder} cannot be made: {error.strerror}; choose another --run-dir") from None
    remember(recipe)
    progress.note(f"run directory {folder}")


def _library(recipe: Recipe, progress: Progress) -> tuple[Known, ...]:
    """Return what the runs of the recipe's library accepted, and say how much it is."""
    if recipe.start.library is None:
        return ()
    from ouroloop.runs.proposers.library import library

    known = library(Path(recipe.start.library), recipe.task.name, progress.note)
    rewards = sum(entry.source is None for entry in known)
    progress.note(f"library {recipe.start.library}: {rewards} rewards and {len(known) - rewards} patches of earlier runs")
    return known


def _with_seed(recipe: Recipe, progress: Progress, *, tell: bool) -> Recipe:
    """Return the recipe as the run keeps it, and say what its seed gives away."""
    from ouroloop.runs.seeds import drawn

    if recipe.seed is not None:
        if tell:
            progress.note(
                f"seed {recipe.seed} is fixed: others can repeat the run, and whoever knows it can foretell the games"
            )
        return recipe
    kept = drawn(recipe)
    with_same = " with the same library" if recipe.start.library is not None else ""
    progress.note(f"seed {kept.seed}, drawn now; --set seed={kept.seed} repeats the run{with_same}")
    return kept


def exists_already(folder: Path) -> UsageError:
    """Return the error for a run directory that exists already."""
    return UsageError(
        f"{folder} exists already: continue it with `ouroloop resume {shell_word(folder)}`, or choose another --run-dir"
    )


def check_models(recipe: Recipe) -> None:
    """Refuse local models that could not be served; raises UsageError or SurroundingsError."""
    from ouroloop.agents.local.catalog import is_local
    from ouroloop.agents.local.serving import require

    for settings in recipe.roles.everyone():
        if settings.count and is_local(settings.model):
            require(settings.model)


def check_start(recipe: Recipe, task: Task) -> None:
    """Refuse a start controller, reward or policy that cannot be used, as far as that shows before anything is opened.

    Raises:
        UsageError: one of them is missing, or the reward is damaged; or the game lacks the encoding or a teacher.
        SurroundingsError: the base to be trained is not on this machine.
    """
    from ouroloop.envs.capabilities import check_teacher, encoding_of
    from ouroloop.policy.sft.suitable import check_sft
    from ouroloop.protocols.errors import CandidateFault
    from ouroloop.rewards.language import parse
    from ouroloop.runs.beginning.checking import check_eyes
    from ouroloop.runs.beginning.perceiving import sft_of

    start = recipe.start
    for key, name in (("controller", start.controller), ("reward", start.reward)):
        if name is not None and not Path(name).is_file():
            raise UsageError(f"start.{key}: the file {name} does not exist; give a file, or leave the key out")
    if start.reward is not None:
        try:
            parse(read_text(Path(start.reward), "start.reward"))
        except CandidateFault as error:
            raise UsageError(f"start.reward {start.reward} is not a reward spec: {error}") from None
    check_eyes(recipe, task)
    trains = any(designer.count for designer in recipe.roles.reward_designer)
    if trains and recipe.grpo.continuation != "policy" and task.teachers is not None:
        check_teacher(task, recipe.grpo.continuation)
    if start.policy not in ("sft", "random"):
        from ouroloop.policy.shipped import find_policy

        find_policy(start.policy)
        return
    sft = sft_of(recipe, task)
    encoding_of(task, sft.encoding)
    if start.policy == "sft" and task.teachers is None:
        raise UsageError(
            f'the game {task.name} has no teachers, so start.policy = "sft" has nobody to learn from: set start.policy = '
            '"random", or give a policy directory'
        )
    if start.policy == "sft":
        check_sft(task, sft)
    if start.policy == "sft" and recipe.sft.base:
        from ouroloop.policy.bases.origin import find_checkpoint

        find_checkpoint(recipe.sft.base)


def check_policy(recipe: Recipe, task: Task) -> None:
    """Refuse a start policy that cannot be opened, which is the only full check of it.

    Raises:
        UsageError: it is missing, damaged, made for another board, or perceives in another way than the run.
        SurroundingsError: its base is not on this machine.
    """
    if recipe.start.policy in ("sft", "random"):
        return
    from ouroloop.policy.shipped import find_policy

    given = find_policy(recipe.start.policy)
    from ouroloop.policy.bases import open_policy
    from ouroloop.runs.beginning.checking import check_perceives

    check_perceives(recipe, task, open_policy(given, task=task))


def _start_source(recipe: Recipe, task: Task) -> str | None:
    """Return the start controller's source, after the layers that need no sandbox; None if the recipe names none.

    Raises:
        UsageError: the file cannot be read, or a layer refuses it.
    """
    from ouroloop.protocols.errors import CandidateFault
    from ouroloop.sandbox.screen.static import static_screen

    name = recipe.start.controller
    if name is None:
        return None
    text = read_text(Path(name), "start.controller")
    if text == task.start_controller:
        return text  # which the screen would refuse as a patch that changes nothing
    try:
        return static_screen(text, task.start_controller).source
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
    from ouroloop.agents.roles import PROPOSERS, slot_of

    roles = recipe.roles
    proposing = {name: build_role(one, slot) for kind, slot in PROPOSERS.items() for name, one in roles.proposers(kind).items()}
    return {"critic": build_role(roles.critic, slot_of("critic")), **proposing}


def _task(recipe: Recipe) -> Task:
    from ouroloop.envs.capabilities import sight_of
    from ouroloop.envs.registry import make_task
    from ouroloop.runs.beginning.perceiving import blind

    task = make_task(recipe.task)
    if not blind(recipe):
        sight_of(task)
    return task


def _sandbox(recipe: Recipe, task: Task, run: str) -> Sandbox:
    from ouroloop.sandbox.choose import choose

    return choose(recipe.sandbox, task.toolkit_source, len(task.actions), run=run, image=recipe.sandbox_image)


@contextmanager
def recording(folder: Path) -> Iterator[Ledger]:
    """Open a run's ledger to record what the user decides. Nothing that the recipe names is imported.

    Raises:
        UsageError: it is no run directory.
        LedgerError: it is damaged, in use, or not as a run left it.
    """
    require_own(folder)
    Ledger(folder / LEDGER, "read").close()  # before anything is written; its error names another version
    with locked(folder), closing(Ledger(folder / LEDGER)) as ledger:
        yield ledger


@contextmanager
def opened(folder: Path, progress: Progress, overrides: tuple[str, ...] = (), *, trust: bool = False) -> Iterator[Run]:
    """Open a run for work, with all its parts; undo whatever a killed process left half-done.

    The directory may come from a stranger, so its files are looked at before any is written, its workspace is made anew, and
    nothing that its recipe names is imported before the user has agreed to it.

    Args:
        folder: the run directory.
        progress: shows the progress.
        overrides: `budget.key=value` or `approve=value` texts.
        trust: agree to the code that the recipe imports, and the models that it asks.

    Raises:
        UsageError: it is no run directory, the user has not agreed to what its recipe names, or a limit is below what is used.
        LedgerError: it is damaged, in use, or not as a run left it.
    """
    from ouroloop.ledger.store import Store, clear_scratch
    from ouroloop.ledger.workspace import Workspace
    from ouroloop.runs.budget import refuse_less
    from ouroloop.runs.context import Run
    from ouroloop.runs.executors.local import Trainers
    from ouroloop.runs.phases.apply import revisions
    from ouroloop.runs.players import Players
    from ouroloop.runs.proposers.prices import refuse_unpriced
    from ouroloop.runs.seeds import stream_seed

    with ExitStack() as stack:
        ledger = stack.enter_context(recording(folder))
        for reached in agree(folder, read_recipe(folder, overrides, unopened=True), trust=trust):
            progress.note(f"recipe: {reached}")
        recipe = read_recipe(folder, overrides)
        changed = [one.partition("=")[0].removeprefix("budget.").strip() for one in overrides if one.startswith("budget.")]
        refuse_less(recipe, ledger, changed)
        if "cost_usd" in changed:
            refuse_unpriced(recipe)
        if ledger.meta("recipe") != identity(recipe):
            raise LedgerError(f"{folder / RECIPE} is not the recipe that the run began with: restore it from a copy")
        task, roles = _task(recipe), _roles(recipe)
        sandbox = stack.enter_context(closing(_sandbox(recipe, task, folder.name)))
        trainers = stack.enter_context(closing(Trainers(min(2, recipe.threads))))
        store, workspace = Store(folder / "artifacts"), Workspace(folder / "workspace")
        for place in (folder, store.folder):
            clear_scratch(place)
        workspace.rebuild(revisions(ledger, store))
        ledger.event("run.opened", {"sandbox": sandbox.name, "pid": os.getpid()})
        if overrides:
            with whole_file(folder / RECIPE) as half:
                half.write_text(recipe_toml(recipe), encoding="utf-8")
        players = Players(task, store, sandbox, lambda: stream_seed(recipe, ledger))
        yield Run(recipe, folder, task, ledger, store, workspace, players, trainers, roles, progress)


def work(folder: Path, progress: Progress, overrides: tuple[str, ...] = (), *, trust: bool = False) -> str:
    """Start or continue a run until its budget is spent; return its status.

    `done`: all rounds are done; `stopped`: another budget was spent, the user stopped it, or a candidate waits for the user's
    answer. A failure leaves `failed`, and so does a run in which no role proposed anything.
    `trust` is as for `opened`.
    """
    from ouroloop.envs.kernels import telling_of_compiling
    from ouroloop.runs.budget import ROUNDS_DONE
    from ouroloop.runs.graph import run_rounds
    from ouroloop.runs.phases.propose import fruitless, silent

    with opened(folder, progress, overrides, trust=trust) as run, telling_of_compiling(progress.note):
        progress.note(f"sandbox: {run.players.sandbox.name}")
        _set_threads(run.recipe.threads)
        run.ledger.set_meta("status", "running")
        status = "failed"
        try:
            stopped = run_rounds(run)
            status = "done" if stopped == ROUNDS_DONE else "stopped"
            if status == "stopped":
                progress.note(stopped)
            for line in silent(run.ledger):
                progress.note(line)
            if fruitless(run.ledger):
                status = "failed"
                progress.note("no role proposed anything in this run, so it changed nothing")
        except KeyboardInterrupt:
            status = "stopped"
            raise
        except OuroloopError:
            progress.note(f"the run failed, and keeps what it has done; go on with `ouroloop resume {shell_word(folder)}`")
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

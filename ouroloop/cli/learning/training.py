"""The work of `ouroloop train sft|grpo|distill`: from a recipe to a policy directory with its model card."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.cli.options import place
from ouroloop.cli.showing.printing import training_table
from ouroloop.envs.capabilities import encoding_of
from ouroloop.envs.registry import make_task
from ouroloop.inspect.explaining import explain
from ouroloop.inspect.training import Given, Kind, training
from ouroloop.policy.sft.suitable import check_sft
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import RewardSpec
from ouroloop.protocols.seeds import game_seeds
from ouroloop.protocols.text import shell_word
from ouroloop.rewards.language import parse
from ouroloop.runs.beginning.lending import made_eye
from ouroloop.runs.beginning.perceiving import sft_of
from ouroloop.runs.progress import Progress, progress
from ouroloop.runs.recipe import Recipe, build_recipe, load_recipe, read_text
from ouroloop.runs.seeds import recipe_seed
from ouroloop.streams import say_json
from ouroloop.terminal import say, say_lines, show

if TYPE_CHECKING:
    from ouroloop.policy.report import EvaluationDocument, TrainingReport
    from ouroloop.protocols.ports import Task


def train_by_recipe(
    kind: Kind,
    recipe: Path | None,
    overrides: tuple[str, ...],
    out: Path,
    seed: int | None,
    games: int,
    as_json: bool,
    *,
    start: str | None = None,
    reward: Path | None = None,
    eye: Path | None = None,
) -> None:
    """Train, evaluate, write the policy directory, and print the results.

    Raises:
        UsageError: the settings, the start policy, the eye or the reward cannot be used, or `out` exists.
        TrainingError: the training failed.
    """
    settings = build_recipe({}, overrides) if recipe is None else load_recipe(recipe, overrides)
    # All processes of a training, and whoever resumes it, need one seed; and no candidate plays for anything here.
    seed = seed if seed is not None else settings.seed or 0
    settings = settings.model_copy(update={"seed": seed})
    if start is not None and kind != "distill":
        settings = settings.model_copy(update={"start": settings.start.model_copy(update={"policy": start})})
    task = make_task(settings.task)
    encoding_of(task, settings.sft.encoding)
    if place(out, "--out").exists():
        raise UsageError(f"{out} exists already: remove it, or choose another --out")
    if kind == "sft":
        settings = settings.model_copy(update={"sft": sft_of(settings, task)})
        check_sft(task, settings.sft)
    spec = None if reward is None else parse(read_text(reward, "reward"))
    given = Given(recipe, overrides, start, reward, spec, eye)
    with progress() as shown, made_eye(settings, task, eye, learns=kind == "sft" and not _sees(start)) as looks:
        try:
            with redirect_stdout(sys.stderr):  # if DeepSpeed is installed, it prints on stdout from its import on
                report = _trained(kind, settings, task, out, given, looks, shown)
        except KeyboardInterrupt:
            shown.note("stopped; the same command resumes from the last checkpoint, if there is one")
            raise
        if not _speaks():
            return
        if report.stopped:
            shown.note(f"stopped: {report.stopped}; the last good weights were saved")
        evaluation = _evaluated(settings, task, out, games, shown)
    document = training(kind, out, seed, report, evaluation, given)
    explain(kind, task, settings, given, out, document)
    if as_json:
        say_json({key: value for key, value in document.items() if key != "loss"})
        return
    show(training_table(document))
    say(f"policy: {out}")
    say_lines(f"next: ouroloop watch --policy {shell_word(out)}")


def _sees(start: str | None) -> bool:
    """Tell whether a policy to be trained further has an eye of its own."""
    from ouroloop.policy.fusion.directory import is_seeing
    from ouroloop.policy.shipped import find_policy

    return start is not None and is_seeing(find_policy(start))


def _speaks() -> bool:
    """Return whether this process, among those that train together, is the one that evaluates and prints."""
    from ouroloop.policy.distributed import is_main

    return is_main()


def _trained(
    kind: Kind, settings: Recipe, task: Task, out: Path, given: Given, eye: Path | None, shown: Progress
) -> TrainingReport:
    from ouroloop.policy.distributed import alone
    from ouroloop.policy.shipped import find_policy
    from ouroloop.policy.snake_gpt import threads

    threads(settings.threads)
    if kind != "sft":
        alone(f"train {kind}")
    begin = None if given.start is None else find_policy(given.start)

    def report(stage: str, fraction: float, figures: dict[str, float]) -> None:
        shown.advance(f"train {kind}", fraction, " ".join([stage, *(f"{k} {v:.3g}" for k, v in list(figures.items())[:3])]))

    if kind == "sft":
        from ouroloop.policy.sft.fit import fit_sft

        fusion = settings.fusion if eye is not None or _sees(given.start) else None
        return fit_sft(task, settings.sft, recipe_seed(settings), out, report, start=begin, eye=eye, fusion=fusion)
    assert begin is not None
    if kind == "distill":
        from ouroloop.policy.distill.fit import distill

        return distill(task, begin, settings.distill, recipe_seed(settings), out, report)
    from ouroloop.policy.grpo.fit import train_grpo
    from ouroloop.runs.executors.local import termed
    from ouroloop.runs.executors.salience import rewarded

    spec, method = given.spec or RewardSpec(), settings.salience.method
    task = rewarded(task, method, begin if method else None)
    reward_of = termed(spec, list(task.features))
    return train_grpo(task, begin, reward_of, spec.gamma_at, settings.grpo.under(spec.loss), recipe_seed(settings), out, report)


def _evaluated(settings: Recipe, task: Task, out: Path, games: int, shown: Progress) -> EvaluationDocument:
    from ouroloop.policy.bases import open_policy
    from ouroloop.policy.bases.player import player_of
    from ouroloop.policy.evaluation import evaluate

    seeds = np.array(game_seeds(recipe_seed(settings), "eval", 0, games), dtype=np.uint64)
    policy = player_of(open_policy(out, task=task))
    evaluation = evaluate(
        task,
        policy,
        seeds,
        seed=recipe_seed(settings),
        on_batch=lambda done, all_: shown.advance("evaluate", done / all_, f"{done} games"),
    )
    return evaluation.to_document()

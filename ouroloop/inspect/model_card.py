"""The README of a trained policy: its kind, its training data, its score, and the command that makes it again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ouroloop.inspect.training import Given, Kind, Training
    from ouroloop.protocols.ports import Task
    from ouroloop.runs.recipe import Recipe


def model_card(kind: Kind, task: Task, settings: Recipe, given: Given, document: Training) -> str:
    """Return the card, as Markdown with the metadata that model hubs read. The function is long because the text is.

    Args:
        kind: the kind of training.
        task: the game.
        settings: the resolved recipe.
        given: what the command was given.
        document: the training's figures, `evaluation` among them.
    """
    found, score = document["evaluation"], document["evaluation"]["score"]
    command = ["ouroloop", "train", kind, *([str(given.recipe)] if given.recipe else []), "--out", settings.name]
    command += ["--seed", str(settings.seed)] + [part for override in given.overrides for part in ("--set", override)]
    if given.start is not None:
        command += ["--teacher" if kind == "distill" else "--start", given.start]
    if given.eye is not None:
        command += ["--eye", str(given.eye)]
    if given.reward is not None:
        command += ["--reward", str(given.reward)]
    by = "a GPU" if _on_gpu(kind, settings) else f"{settings.threads} CPU thread" + ("s" if settings.threads > 1 else "")
    again = "On a GPU sums are made in any order: another run gives another policy, of about this score."
    if not _on_gpu(kind, settings):
        again = "Equal weights need the same versions of\ntorch and the same number of threads."
    most = "" if task.best_score is None else f" (of {task.best_score})"
    bounds = f"{score['mean']:.2f}, 95 % interval {score['low']:.2f} to {score['high']:.2f}"
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: reinforcement-learning
tags: [{task.name}, ouroloop]
---

# {settings.name}

A causal language model that plays {task.name}: it {_reads(Path(document["policy"]))} and answers with one token, the move.

| setting of the game | |
|---|---|
{_settings(settings)}

| alone, argmax of the logits | {found["games"]} games |
|---|---|
| mean score{most} | {bounds} |
| games won | {found["win_rate"]:.1%}, 95 % interval {found["win_rate_low"]:.1%} to {found["win_rate_high"]:.1%} |
| path optimality | {found["path_optimality"]:.3f} |
| steps a game | {found["steps_mean"]:.0f} |

Made by

```sh
{shlex.join(command)}
```

in {document["seconds"]:.0f} s and {document["steps"]} steps on {by}.
{_data(kind, settings, given)}
The games of the table (seeds of the `eval` stream of seed {settings.seed}) are none of those that it learned from.
`training.json` holds every setting and the loss of every step, `curve.png` the learning curve.

```sh
ouroloop eval --policy DIR --games 500
ouroloop watch --policy DIR
```

{_loading(Path(document["policy"]))}

Limits: it plays this game with these settings and no others. {again}
"""


def _reads(policy: Path) -> str:
    """Return what a policy takes in, in words."""
    return "sees a picture of the position" if (policy / "seeing.json").is_file() else "reads the position as text"


def _loading(policy: Path) -> str:
    """Return a sentence that says how to load the policy directory."""
    if (policy / "seeing.json").is_file():
        return "`ouroloop.policy.bases.open_policy` loads it; `eye/` holds the eye that it looks through."
    if (policy / "base.json").is_file():
        return "`ouroloop.policy.bases.open_policy` loads it; `base.json` names its base and the encoding of the prompt."
    return "`AutoModelForCausalLM` and `AutoTokenizer` load it; `snake_gpt.json` names the encoding of the prompt."


def _settings(settings: Recipe) -> str:
    """Return the game's settings as rows of a table."""
    return "\n".join(f"| {name} | {value} |" for name, value in settings.task.own.model_dump(exclude_none=True).items())


def _on_gpu(kind: Kind, settings: Recipe) -> bool:
    """Return whether a training of this kind runs on a GPU."""
    return {"sft": settings.sft.device, "grpo": settings.grpo.device}.get(kind) == "cuda"


def _data(kind: Kind, settings: Recipe, given: Given) -> str:
    """Return a sentence that says what the policy learned from."""
    if kind == "grpo":
        by = "the game's own reward" if given.spec is None else "the reward of which `training.json` holds the spec"
        return f"It was trained from `{given.start}` by GRPO on its own games, under {by}."
    if kind == "distill":
        return f"It learned from the policy `{given.start}`."
    config = settings.sft
    own = f" and {(config.dagger - 1) * config.dagger_positions} of its own games (DAgger)" if config.dagger > 1 else ""
    return (
        f"It learned the moves of the teacher `{config.teacher}` in {config.positions} positions of the teacher's games{own}."
    )

"""The README of a trained policy: what it is, what it learned from, what it scores, and the command that makes it again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ouroloop.runs.recipe import Recipe


def model_card(
    kind: str, settings: Recipe, recipe: Path | None, overrides: tuple[str, ...], start: str | None, document: dict[str, Any]
) -> str:
    """Return the card, as Markdown with the metadata that model hubs read; most of it is the text.

    Args:
        kind: `sft`, `grpo` or `distill`.
        settings: the resolved recipe.
        recipe: its file.
        overrides: what `--set` gave.
        start: the policy that it was trained from.
        document: the training's figures, `evaluation` among them.
    """
    board, found = settings.task.own, document["evaluation"]
    size, score, most = board["size"], found["score"], board["size"] ** 2 - board["start_length"]
    command = ["ouroloop", "train", kind, *([str(recipe)] if recipe else []), "--out", settings.name]
    command += ["--seed", str(settings.seed)] + [part for override in overrides for part in ("--set", override)]
    if start is not None:
        command += ["--teacher" if kind == "distill" else "--start", start]
    by = "a GPU" if _on_gpu(kind, settings) else f"{settings.threads} CPU thread" + ("s" if settings.threads > 1 else "")
    again = "On a GPU sums are made in any order: another run gives another policy, of about this score."
    if not _on_gpu(kind, settings):
        again = "Equal weights need the same versions of\ntorch and the same number of threads."
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: reinforcement-learning
tags: [snake, ouroloop]
---

# {settings.name}

A causal language model that plays Snake on a {size}x{size} board: it reads the position as text and answers with one
token, the move.

| alone, argmax of the logits | {found["games"]} games |
|---|---|
| mean score (of {most}) | {score["mean"]:.2f}, 95 % interval {score["low"]:.2f} to {score["high"]:.2f} |
| boards filled | {found["win_rate"]:.1%} |
| path optimality | {found["path_optimality"]:.3f} |
| steps a game | {found["steps_mean"]:.0f} |

Made by

```sh
{shlex.join(command)}
```

in {document["seconds"]:.0f} s and {document["steps"]} steps on {by}.
{_data(kind, settings, start)}
The games of the table (seeds of the `watch` stream of seed {settings.seed}) are none of those that it learned from.
`training.json` holds every setting and the loss of every step, `curve.png` the learning curve.

```sh
ouroloop eval --policy DIR --games 500
ouroloop watch --policy DIR
```

{_loading(Path(document["policy"]))}

Limits: it plays this game on this board size and no other; walls it has not seen. {again}
"""


def _loading(policy: Path) -> str:
    """Return a sentence on what loads a policy directory."""
    if (policy / "base.json").is_file():
        return "`ouroloop.policy.bases.open_policy` loads it; `base.json` names its base and the encoding of the prompt."
    return "`AutoModelForCausalLM` and `AutoTokenizer` load it; `snake_gpt.json` names the encoding of the prompt."


def _on_gpu(kind: str, settings: Recipe) -> bool:
    """Tell whether a training of this kind computes on a GPU."""
    return {"sft": settings.sft.device, "grpo": settings.grpo.device}.get(kind) == "cuda"


def _data(kind: str, settings: Recipe, start: str | None) -> str:
    """Return a sentence on what the policy learned from."""
    if kind == "grpo":
        return f"It was trained from `{start}` by GRPO on its own games."
    if kind == "distill":
        return f"It learned from the policy `{start}`."
    config = settings.sft
    own = f" and {(config.dagger - 1) * config.dagger_positions} of its own games (DAgger)" if config.dagger > 1 else ""
    return (
        f"It learned the moves of the teacher `{config.teacher}` in {config.positions} positions of the teacher's games{own}."
    )

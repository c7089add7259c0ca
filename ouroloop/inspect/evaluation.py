"""The table and the histogram of scores that `ouroloop eval` prints for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ouroloop.inspect.contender import Contender
    from ouroloop.policy.evaluation import Evaluation
    from ouroloop.policy.report import EvaluationDocument

BINS: Final = 12
"""The most rows of the histogram."""
BAR: Final = 40
"""The columns of its longest bar."""


def evaluation_table(player: Contender, found: Evaluation) -> RenderableType:
    """Return an evaluation as a table with a histogram below."""
    document, score = found.to_document(), found.score
    best = "" if player.best_score is None else f" of {player.best_score}"
    on = ", ".join([player.task.name, *(f"{key} {value}" for key, value in player.settings.items())])
    table = Table(f"{player.name} on {on}", how(found), pad_edge=False)
    table.add_row("score", f"{score.mean:.2f}{best}, 95 % interval {score.low:.2f} to {score.high:.2f}")
    won = f"{document['win_rate_low']:.1%} to {document['win_rate_high']:.1%}"
    table.add_row("games won", f"{document['win_rate']:.1%}, 95 % interval {won}")
    table.add_row("path optimality", f"{document['path_optimality']:.3f}")
    table.add_row("steps a game", f"{document['steps_mean']:.1f}")
    endings = sorted(found.endings.items(), key=lambda item: -item[1])
    table.add_row("ended by", ", ".join(f"{name} {share:.1%}" for name, share in endings if share))
    if found.action_diversity is not None:
        table.add_row("action diversity", f"{found.action_diversity:.3f} nats of {math.log(len(player.task.actions)):.3f}")
    if found.policy_entropy is not None:
        table.add_row("policy's entropy", f"{found.policy_entropy:.3f} nats a decision")
    table.add_row("speed", speed(document))
    return Group(table, Text(), histogram(found.outcomes.score))


def how(found: Evaluation) -> str:
    """Return how many games were played, and how moves were chosen."""
    heat = "" if found.sampling is None else f" at temperature {found.sampling.temperature:g}"
    return f"{len(found.outcomes.score)} games, {found.choice}{heat}"


def speed(document: EvaluationDocument) -> str:
    """Return decisions and tokens a second."""
    tokens = document["tokens_per_s"]
    read = "" if tokens is None else f", {tokens:,.0f} tokens/s ({document['tokens_per_decision']:.1f} a decision)"
    return f"{document['decisions_per_s']:,.0f} decisions/s{read}"


def histogram(scores: np.ndarray[Any, Any]) -> RenderableType:
    """Return the number of games per range of scores, as bars."""
    low, high = int(scores.min()), int(scores.max())
    width = max(1, math.ceil((high - low + 1) / BINS))
    first = low - low % width
    counts = np.bincount((scores - first) // width)
    rows = Table.grid(padding=(0, 1))
    rows.add_column(justify="right", style="dim")
    rows.add_column(style="green")
    rows.add_column(justify="right", style="dim")
    for index, count in enumerate(counts.tolist()):
        start = first + index * width
        label = f"{start}" if width == 1 else f"{start}-{start + width - 1}"
        eighths = math.ceil(8 * BAR * count / counts.max())
        bar = "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")
        rows.add_row(label, bar, str(count) if count else "")
    return Group(Text("games by score", style="dim"), rows)

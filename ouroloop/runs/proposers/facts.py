"""What traced games say of a player."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ouroloop.envs.intervals import score_interval
from ouroloop.protocols.messages import Diagnosis
from ouroloop.runs.proposers.pictures import picture_of

if TYPE_CHECKING:
    from ouroloop.policy.play import Trace
    from ouroloop.protocols.ports import Task

DECIMALS: Final = 3
"""Of a regret in a diagnosis."""


def facts_of(task: Task, trace: Trace, broken: int = 0, *, pictures: bool = False) -> Diagnosis:
    """Return the measured facts, without what a run knows beside the games.

    Args:
        task: the game.
        trace: the games.
        broken: games that are lost wherever games count, because the controller fails in them.
        pictures: whether the lost games are drawn as well.
    """
    outcomes = trace.outcomes
    score = score_interval(outcomes.score, task.score_bound)
    deaths = {name: float((outcomes.cause == i).mean()) for i, name in enumerate(task.causes)}
    if broken:
        deaths["controller_error"] = broken / len(outcomes.score)
    return Diagnosis(
        games=len(outcomes.score),
        score=score.mean,
        score_low=score.low,
        score_high=score.high,
        utility=float(outcomes.utility.mean()),
        win_rate=float(outcomes.won.mean()),
        deaths=deaths,
        regret=dict(trace.regret),
        avoidable=trace.avoidable,
        policy_influence=trace.policy_influence,
        transcripts=trace.transcripts,
        pictures=tuple(picture_of(task, positions) for positions in trace.shown) if pictures else (),
        regrets=tuple(tuple(tuple(round(float(one), DECIMALS) for one in row) for row in rows) for rows in trace.shown_regret),
    )

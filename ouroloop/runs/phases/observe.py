"""Observe and decide: the incumbent plays on search seeds, the critic says what is wrong, and the findings decide a mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ouroloop.agents.roles import PROPOSERS
from ouroloop.gate.bank import failures_text
from ouroloop.ledger.steps import observe as steps
from ouroloop.ledger.steps.key import FIRST_ROUND, every, round_of
from ouroloop.ledger.steps.train import train
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.messages import DiagnoseRequest, Diagnosis
from ouroloop.protocols.records import KINDS, Candidate, Kind, Mode
from ouroloop.runs import seeds
from ouroloop.runs.asking import Asked, ask
from ouroloop.runs.context import rolled_back
from ouroloop.runs.players import Lenient, close, lost, outcomes_of_accepted
from ouroloop.runs.proposers.facts import facts_of

if TYPE_CHECKING:
    from ouroloop.policy.play import Trace
    from ouroloop.protocols.records import SeedRange
    from ouroloop.runs.context import Run

MODES: dict[str, Mode] = {
    "training_stalled": "reward_refresh",
    "zero_variance": "reward_refresh",
    "kl_high": "reward_refresh",
    "entropy_low": "reward_refresh",
    "avoidable_deaths": "bug_fix",
    "trapped": "bug_fix",
    "controller_errors": "bug_fix",
    "detours": "reward_patch",
}
"""Finding -> the mode that answers it, for findings that do not name a mode."""
INFLUENCE = 0.02
"""If the policy decides less than this share of the moves, no training of it can be shown to help."""
FATIGUE = 0.5
"""A mode's weight is multiplied by this for each of its rounds since one last had a candidate accepted."""


def observe(run: Run, round: int) -> None:
    """Play traced games on search seeds and have the critic find what is wrong."""
    games = seeds.observation(run.recipe.gate, round)
    run.step(steps.play(round), games, lambda: _play(run, round, games))
    answer = ask(run.ledger, [critic(run, round)])[0]
    if answer.reply is None:
        run.progress.note(f"the critic gave no diagnosis ({answer.error}); the round continues with the measured facts alone")


def critic(run: Run, round: int) -> Asked:
    """Return the question to the critic."""
    facts = run.result(steps.play(round)).facts
    request = DiagnoseRequest(task=run.task.name, facts=facts, endings=dict(run.task.endings))
    return Asked(steps.diagnose(round), run.roles["critic"], request, run.recipe.roles.critic.timeout_s)


def diagnosis(run: Run, round: int) -> Diagnosis:
    """Return the round's diagnosis: the facts and the critic's findings."""
    facts, reply = run.result(steps.play(round)).facts, run.find(steps.diagnose(round))
    return facts.model_copy(update={"findings": reply.findings if reply is not None else ()})


def _play(run: Run, round: int, games: SeedRange) -> steps.Observed:
    """Play and measure. The ends of lost games are kept for the bank.

    If the controller fails, action 0 stands for its answer and the game goes on. The games are then played again as they count
    elsewhere, which tells in how many it fails.
    """
    from ouroloop.policy.play import play_traced

    player, numbers = None, np.array(run.players.seeds(games), dtype=np.uint64)
    try:
        player = run.players.open(run.incumbent())
        session = Lenient(player)
        trace = play_traced(run.task, player.policy, numbers, session=session, perceive=player.perceive)
        broken = lost(outcomes_of_accepted(player, run.task, numbers.tolist())) if session.failures else 0
    except CandidateFault as fault:
        return steps.Observed(_broken(run, games.count, fault), None, games.count)
    finally:
        close(player)
    played = games.count * (2 if session.failures else 1)
    run.progress.games(played)
    ends = None
    if trace.failures is not None and trace.failure_regret is not None:
        ends = run.store.put_text(failures_text(trace.failures, trace.failure_regret))
    return steps.Observed(_facts(run, round, trace, broken), ends, played)


def _facts(run: Run, round: int, trace: Trace, broken: int) -> Diagnosis:
    """Return the measured facts, with those of earlier trainings."""
    known = {"training": _last_training(run, round), "trainings": _trainings(run, round)}
    return facts_of(run.task, trace, broken, pictures=run.recipe.roles.see).model_copy(update=known)


def _broken(run: Run, games: int, fault: CandidateFault) -> Diagnosis:
    facts = Diagnosis(
        games=games, score=0, score_low=0, score_high=0, utility=0, win_rate=0, deaths={"controller_error": 1.0},
        regret={}, avoidable=1.0, transcripts=(str(fault),),
    )  # fmt: skip
    run.progress.note(f"the incumbent's controller failed: {fault}")
    return facts


def _last_training(run: Run, round: int) -> dict[str, float]:
    """Return the health figures of the last GRPO training whose candidate still stands; empty if there is none."""
    for earlier in range(round - 1, FIRST_ROUND - 1, -1):
        for candidate in run.candidates(earlier):
            verdict = run.verdict(earlier, candidate)
            if verdict.training is not None and _stands(run, earlier, candidate):
                return verdict.training
    return {}


def _trainings(run: Run, round: int) -> int:
    """Return the number of candidates that earlier rounds trained."""
    found = every(run.ledger, train(0, 0, ""), "*/train/0/*")
    return sum(result.error is None and round_of(key) < round for key, result in found)


def decide(run: Run, round: int) -> Mode:
    """Choose the round's mode, return it: the recipe's, or from the diagnosis and from the success of each mode so far."""
    return run.step(steps.decide(round), {}, lambda: _decide(run, round)).mode


def _decide(run: Run, round: int) -> steps.Decision:
    start, fixed = run.recipe.start, run.recipe.mode
    if fixed != "auto":
        return steps.Decision(fixed, "the recipe's mode")
    if round == FIRST_ROUND and (start.controller or start.reward or start.library):
        return steps.Decision("meta_learn", "a start from earlier results on a new board")
    tired = _fatigue(run, round)
    weights: dict[Mode, float] = {}
    kinds = askable(run, round)
    for finding in diagnosis(run, round).findings:
        answer = finding.mode or MODES.get(finding.name)
        if answer is not None and kinds.intersection(KINDS[answer]):
            weights[answer] = max(weights.get(answer, 0.0), finding.weight)
    urgency = {mode: weight * FATIGUE ** tired.get(mode, 0) for mode, weight in weights.items()}
    if not urgency or max(urgency.values()) < 0.1:
        why = "no finding stands out, or its mode brought nothing: search rewards and patches together"
        return steps.Decision("meta_learn", why)
    mode = max(dict.fromkeys(MODES.values()), key=lambda m: urgency.get(m, 0.0))  # the first in the table wins a tie
    return steps.Decision(mode, ", ".join(f"{m} {u:.2f}" for m, u in sorted(urgency.items(), key=lambda i: -i[1])))


def _stands(run: Run, round: int, candidate: Candidate) -> bool:
    return run.verdict(round, candidate).outcome == "accepted" and candidate.id not in rolled_back(run.ledger)


def wanted(run: Run, kind: Kind) -> int:
    """Return how many proposals of a kind the recipe wants per round."""
    return sum(settings.count for settings in run.recipe.roles.proposers(kind).values())


def askable(run: Run, round: int) -> set[Kind]:
    """Return the kinds worth asking for: those that the recipe wants, but no reward if the policy plays no part."""
    deaf = diagnosis(run, round).policy_influence < INFLUENCE
    return {kind for kind in PROPOSERS if wanted(run, kind) and not (kind == "reward" and deaf)}


def _fatigue(run: Run, round: int) -> dict[str, int]:
    """Return, per mode, the number of its rounds since one last had a candidate accepted."""
    tired: dict[str, int] = {}
    for earlier in range(FIRST_ROUND, round):
        mode = run.result(steps.decide(earlier)).mode
        won = any(_stands(run, earlier, c) for c in run.candidates(earlier))
        tired[mode] = 0 if won else tired.get(mode, 0) + 1
    return tired

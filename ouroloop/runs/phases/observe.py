"""Observe and decide: the incumbent plays on search seeds, the critic says what is wrong, a mode follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ouroloop.gate.bank import failures_text
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.messages import DiagnoseRequest, Diagnosis, Finding
from ouroloop.protocols.records import Candidate, Kind, Mode
from ouroloop.runs.asking import Asked, ask
from ouroloop.runs.context import rolled_back
from ouroloop.runs.players import Lenient, close

if TYPE_CHECKING:
    from ouroloop.policy.play import Trace
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
"""Which mode answers which finding that names none itself (reference document, section 20.4)."""
KINDS: dict[Mode, tuple[Kind, ...]] = {
    "reward_refresh": ("reward",),
    "bug_fix": ("patch",),
    "reward_patch": ("reward",),
    "meta_learn": ("reward", "patch"),
}
"""What a mode asks for."""
ROLES: dict[Kind, str] = {"reward": "reward_designer", "patch": "code_patcher"}
"""Which role of the recipe answers which kind."""
INFLUENCE = 0.02
"""Where the policy decides less than this share of the moves, no training of it can be shown to help."""
FATIGUE = 0.5
"""A mode's weight is multiplied by this for every round of it since it last got something accepted."""


def observe(run: Run, round: int) -> None:
    """Play traced games on search seeds and have the critic find what is wrong."""
    params = {"stream": "search", "first": round * SEARCH_SPAN, "count": run.recipe.gate.search_games}
    seen = run.step(f"{round}/observe/play", "policy.evaluate", params, lambda: _play(run, round))
    known = Diagnosis.model_validate(seen["facts"])
    request = DiagnoseRequest(task=run.task.name, facts=known, endings=dict(run.task.endings))
    asked = Asked(f"{round}/observe/diagnose", run.roles["critic"], request, run.recipe.roles.critic.timeout_s)
    answer = ask(run.ledger, [asked])[0]
    if answer.reply is None:
        run.progress.note(f"the critic gave no diagnosis ({answer.error}); the round goes on with the measured facts alone")


def diagnosis(run: Run, round: int) -> Diagnosis:
    """Return the round's diagnosis: facts and the critic's findings."""
    facts = Diagnosis.model_validate(run.result(f"{round}/observe/play")["facts"])
    reply = run.ledger.step(f"{round}/observe/diagnose")
    findings = reply.result["findings"] if reply is not None and reply.result else []
    return facts.model_copy(update={"findings": tuple(Finding.model_validate(f) for f in findings)})


def _play(run: Run, round: int) -> dict[str, Any]:
    """Play and measure; a controller that fails shows as such in the facts. Ends of lost games are kept for the bank."""
    from ouroloop.policy.play import play_traced

    games, player = run.recipe.gate.search_games, None
    seeds = np.array(run.players.seeds("search", round * SEARCH_SPAN, games), dtype=np.uint64)
    try:
        player = run.players.open(run.incumbent())
        session = Lenient(player)
        trace = play_traced(run.task, player.policy, seeds, session=session, perceive=player.perceive)
    except CandidateFault as fault:
        return {"facts": _broken(run, games, fault), "failures": None, "played": games}
    finally:
        close(player)
    run.progress.games(games)
    kept = None
    if trace.failures is not None and trace.failure_regret is not None:
        kept = run.store.put_text(failures_text(trace.failures, trace.failure_regret))
    return {"facts": _facts(run, round, trace, session.failures), "failures": kept, "played": games}


def _facts(run: Run, round: int, trace: Trace, failures: int) -> dict[str, Any]:
    from ouroloop.policy.play import estimate

    outcomes = trace.outcomes
    score = estimate(outcomes.score, np.random.default_rng(run.seed("bootstrap", round)))
    deaths = {name: float((outcomes.cause == i).mean()) for i, name in enumerate(run.task.causes)}
    if failures:  # a game in which it fails is lost wherever it counts
        deaths["controller_error"] = min(1.0, failures / len(outcomes.score))
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
        training=_last_training(run, round),
        transcripts=trace.transcripts,
    ).model_dump(mode="json")


SEARCH_SPAN = 1 << 20
"""Search seeds set aside for one round: observation first, then halving."""


def _broken(run: Run, games: int, fault: CandidateFault) -> dict[str, Any]:
    facts = Diagnosis(
        games=games, score=0, score_low=0, score_high=0, utility=0, win_rate=0, deaths={"controller_error": 1.0},
        regret={}, avoidable=1.0, transcripts=(str(fault),),
    )  # fmt: skip
    run.progress.note(f"the incumbent's controller failed: {fault}")
    return facts.model_dump(mode="json")


def _last_training(run: Run, round: int) -> dict[str, float]:
    """Return the health figures of the last GRPO training whose reward was accepted; empty before any."""
    for earlier in range(round - 1, -1, -1):
        for candidate in run.candidates(earlier):
            verdict = run.verdict(earlier, candidate)
            if verdict.training is not None and _stands(run, earlier, candidate):
                return verdict.training
    return {}


def decide(run: Run, round: int) -> Mode:
    """Choose the round's mode from the diagnosis and from what each mode brought so far; return it."""
    mode: Mode = run.step(f"{round}/decide", "run.decide", {}, lambda: _decide(run, round))["mode"]
    return mode


def _decide(run: Run, round: int) -> dict[str, Any]:
    start = run.recipe.start
    if round == 0 and (start.controller or start.reward):
        return {"mode": "meta_learn", "why": "a start from earlier results on a new board"}
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
        return {"mode": "meta_learn", "why": why}
    mode = max(dict.fromkeys(MODES.values()), key=lambda m: urgency.get(m, 0.0))  # of equals the first in the table
    return {"mode": mode, "why": ", ".join(f"{m} {u:.2f}" for m, u in sorted(urgency.items(), key=lambda i: -i[1]))}


def _stands(run: Run, round: int, candidate: Candidate) -> bool:
    return run.verdict(round, candidate).outcome == "accepted" and candidate.id not in rolled_back(run.ledger)


def wanted(run: Run, kind: Kind) -> int:
    """Return how many proposals of a kind the recipe asks its role for in a round."""
    count: int = getattr(run.recipe.roles, ROLES[kind]).count
    return count


def askable(run: Run, round: int) -> set[Kind]:
    """Return the kinds worth asking for: those whose role is wanted, and no reward where the policy plays no part."""
    deaf = diagnosis(run, round).policy_influence < INFLUENCE
    return {kind for kind in ROLES if wanted(run, kind) and not (kind == "reward" and deaf)}


def _fatigue(run: Run, round: int) -> dict[str, int]:
    """Return, per mode, the rounds of it since it last got something accepted."""
    tired: dict[str, int] = {}
    for earlier in range(round):
        mode = run.result(f"{earlier}/decide")["mode"]
        won = any(_stands(run, earlier, c) for c in run.candidates(earlier))
        tired[mode] = 0 if won else tired.get(mode, 0) + 1
    return tired

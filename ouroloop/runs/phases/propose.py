"""Propose: the roles are asked side by side, each with the diagnosis and what was tried before."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ouroloop.agents.roles import PROPOSERS
from ouroloop.protocols.messages import PatchRequest, RewardRequest, Tool, Tried
from ouroloop.protocols.records import Candidate, Kind, Mode, RewardSpec
from ouroloop.runs.asking import Asked, ask
from ouroloop.runs.context import rolled_back, transcripts
from ouroloop.runs.phases.observe import KINDS, askable, diagnosis, wanted

if TYPE_CHECKING:
    from ouroloop.runs.context import Run


def propose(run: Run, round: int) -> None:
    """Ask the roles that the round's mode calls for and record all candidates."""
    run.step(f"{round}/propose/all", "run.candidates", {}, lambda: _all(run, round))


def _all(run: Run, round: int) -> list[dict[str, Any]]:
    mode: Mode = run.result(f"{round}/decide")["mode"]
    kinds = [kind for kind in KINDS[mode] if kind in askable(run, round)]
    if "reward" in KINDS[mode] and wanted(run, "reward") and "reward" not in kinds:
        run.progress.note("the controller does not heed the policy: no reward is asked for")
    questions = [_question(run, round, mode, kind) for kind in kinds]
    found: list[dict[str, Any]] = []
    for kind, answer in zip(kinds, ask(run.ledger, questions), strict=True):
        if answer.reply is None:
            run.ledger.event("role.failed", {"round": round, "role": answer.asked.role.name, "error": answer.error})
            run.progress.note(f"role {answer.asked.role.name} gave nothing ({answer.error}); the round goes on without it")
            continue
        proposals: Any = answer.reply
        for i, item in enumerate(proposals.proposals, 1):
            found.append(asdict(_candidate(round, kind, i, answer.asked.role.name, item)))
    return found


def _candidate(round: int, asked: Kind, index: int, role: str, item: Any) -> Candidate:
    """Return a proposal as a candidate; a patch that brings a reward is one of both kinds."""
    if asked == "reward":
        return Candidate(f"r{round}-reward{index}", "reward", role, item.rationale, item.spec)
    kind: Kind = "patch" if item.reward is None else "both"
    return Candidate(f"r{round}-{kind}{index}", kind, role, item.rationale, item.text, item.reward)


def _question(run: Run, round: int, mode: Any, kind: Kind) -> Asked:
    slot, incumbent = PROPOSERS[kind], run.incumbent()
    shared: dict[str, Any] = {
        "task": run.task.name,
        "mode": mode,
        "count": wanted(run, kind),
        "seed": run.seed("propose", round, kind),
        "diagnosis": diagnosis(run, round),
        "tried": tuple(tried(run, round, kind)),
    }
    if kind == "reward":
        request: Any = RewardRequest(**shared, incumbent=run.reward(incumbent), features=dict(run.task.features))
    else:
        tools = tuple(Tool(**asdict(t)) for t in run.task.toolkit)
        source = run.store.text(incumbent.controller)
        request = PatchRequest(**shared, source=source, actions=run.task.actions, toolkit=tools)
    return Asked(f"{round}/propose/{kind}", run.roles[slot.name], request, run.recipe.roles.of(slot).timeout_s)


def tried(run: Run, before: int, kind: str) -> list[Tried]:
    """Return earlier candidates of a kind with what became of them, oldest first."""
    back, shown, out = rolled_back(run.ledger), transcripts(run.ledger), []
    for round in range(before):
        for candidate in run.candidates(round):
            if candidate.kind in (kind, "both"):
                out.append(_tried(run, round, candidate, back.get(candidate.id), shown.get(candidate.id, ())))
    return out


def _tried(run: Run, round: int, candidate: Candidate, back: str | None, shown: tuple[str, ...]) -> Tried:
    """Return what became of a candidate; `back` is why it was rolled back, `shown` the games that show it."""
    verdict = run.verdict(round, candidate)
    screened = run.ledger.step(f"{round}/screen/{candidate.id}")
    passed = screened.result if screened is not None else {}
    return Tried(
        round=round,
        kind=candidate.kind,
        role=candidate.role,
        outcome="rolled_back" if back is not None else verdict.outcome,
        layer=verdict.layer,
        reason=back if back is not None else verdict.reason,
        effect=verdict.effect.utility if verdict.effect else None,
        reward=RewardSpec.model_validate_json(run.store.text(passed["reward"])) if passed.get("reward") else None,
        diff=run.store.text(passed["diff"]) if passed.get("diff") else None,
        source=run.store.text(passed["controller"]) if passed.get("controller") else None,
        transcripts=shown,
    )

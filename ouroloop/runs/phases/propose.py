"""Propose: ask the roles side by side, giving each the diagnosis and the earlier candidates."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ouroloop.agents.roles import PROPOSERS
from ouroloop.ledger.steps import propose as steps
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.ledger.steps.observe import decide
from ouroloop.ledger.steps.propose import Proposed
from ouroloop.ledger.steps.screen import Screening, screen
from ouroloop.protocols.messages import PatchReply, PatchRequest, RewardReply, RewardRequest, Tool, Tried
from ouroloop.protocols.records import Candidate, Kind, Mode, RewardSpec
from ouroloop.runs.asking import Asked, ask
from ouroloop.runs.context import rolled_back, transcripts
from ouroloop.runs.phases.observe import KINDS, askable, diagnosis, wanted

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ouroloop.ledger.steps.key import Key
    from ouroloop.runs.context import Run


def propose(run: Run, round: int) -> None:
    """Ask the roles that the round's mode calls for and record all candidates."""
    run.step(steps.candidates(round), {}, lambda: Proposed(tuple(_all(run, round))))


def _all(run: Run, round: int) -> list[Candidate]:
    mode = run.result(decide(round)).mode
    kinds = [kind for kind in KINDS[mode] if kind in askable(run, round)]
    if "reward" in KINDS[mode] and wanted(run, "reward") and "reward" not in kinds:
        run.progress.note("the controller does not heed the policy: no rewards are requested")
    questions = [_question(run, round, mode, kind) for kind in kinds]
    found: list[Candidate] = []
    for answer in ask(run.ledger, questions):
        if answer.reply is None:
            run.ledger.event("role.failed", {"round": round, "role": answer.asked.role.name, "error": answer.error})
            run.progress.note(f"role {answer.asked.role.name} gave nothing ({answer.error}); the round continues without it")
            continue
        found += _candidates(round, answer.asked.role.name, answer.reply)
    return found


def _candidates(round: int, role: str, reply: BaseModel) -> list[Candidate]:
    """Return a role's proposals as candidates."""
    if isinstance(reply, RewardReply):
        found = [Candidate("", role, item.rationale, reward=item.spec) for item in reply.proposals]
    else:
        assert isinstance(reply, PatchReply)
        found = [Candidate("", role, item.rationale, item.text, item.reward) for item in reply.proposals]
    return [replace(candidate, id=f"r{round}-{candidate.kind}{i}") for i, candidate in enumerate(found, 1)]


def _question(run: Run, round: int, mode: Mode, kind: Kind) -> Asked:
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
    key: Key[Any] = steps.reward(round) if kind == "reward" else steps.patch(round)
    return Asked(key, run.roles[slot.name], request, run.recipe.roles.of(slot).timeout_s)


def tried(run: Run, before: int, kind: str) -> list[Tried]:
    """Return earlier candidates of a kind and their fates, oldest first."""
    back, shown, out = rolled_back(run.ledger), transcripts(run.ledger), []
    for round in range(FIRST_ROUND, before):
        for candidate in run.candidates(round):
            if candidate.kind in (kind, "both"):
                out.append(_tried(run, round, candidate, back.get(candidate.id), shown.get(candidate.id, ())))
    return out


def _tried(run: Run, round: int, candidate: Candidate, back: str | None, shown: tuple[str, ...]) -> Tried:
    """Return a candidate and its fate; `back` says why it was rolled back, and `shown` are the games that show it."""
    verdict = run.verdict(round, candidate)
    passed = run.find(screen(round, candidate)) or Screening("rejected")
    return Tried(
        round=round,
        kind=candidate.kind,
        role=candidate.role,
        outcome="rolled_back" if back is not None else verdict.outcome,
        layer=verdict.layer,
        reason=back if back is not None else verdict.reason,
        effect=verdict.effect.utility if verdict.effect else None,
        reward=RewardSpec.model_validate_json(run.store.text(passed.reward)) if passed.reward else None,
        diff=run.store.text(passed.diff) if passed.diff else None,
        source=run.store.text(passed.controller) if passed.controller else None,
        transcripts=shown,
    )

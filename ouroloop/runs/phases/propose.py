"""Propose: ask the roles side by side, giving each the diagnosis and the earlier candidates."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ouroloop.agents.roles import PROPOSERS
from ouroloop.ledger.steps import propose as steps
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.ledger.steps.observe import decide
from ouroloop.ledger.steps.propose import AskedRole, Proposed, UnaskedRole
from ouroloop.ledger.steps.screen import Screening, screen
from ouroloop.ledger.steps.start import LIBRARY
from ouroloop.ledger.steps.train import train
from ouroloop.protocols.messages import (
    TRIED_TEXT,
    Known,
    PatchReply,
    PatchRequest,
    Refused,
    RewardReply,
    RewardRequest,
    Tool,
    Tried,
    Wish,
    Wished,
)  # fmt: skip
from ouroloop.protocols.records import KINDS, Candidate, Kind, Mode, RewardSpec
from ouroloop.protocols.secrets import redacted
from ouroloop.protocols.text import plain_line
from ouroloop.runs.asking import Answered, Asked, answered, ask, role_name
from ouroloop.runs.by_hand.propose import untaken
from ouroloop.runs.context import nine_decimals, rolled_back, transcripts
from ouroloop.runs.executors.salience import features_of
from ouroloop.runs.phases.observe import askable, critic, diagnosis, wanted
from ouroloop.runs.proposers.credit import authors
from ouroloop.runs.proposers.sharing import shares
from ouroloop.runs.proposers.turns import turns
from ouroloop.runs.proposers.workshop import RunWorkshop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.runs.context import Run


def propose(run: Run, round: int) -> None:
    """Ask the roles that the round's mode calls for and record all candidates."""
    run.step(steps.candidates(round), {}, lambda: _all(run, round))


def _all(run: Run, round: int) -> Proposed:
    mode = run.result(decide(round)).mode
    counts = {k: n for kind in KINDS[mode] if kind in askable(run, round) for k, n in shares(run, round, kind).items() if n}
    unasked = tuple(not_asked(run, round, mode))
    for left in unasked:
        run.progress.note(f"{left.slot} ({left.role}) is not asked in this round: {left.reason}; {left.remedy}")
    found: list[Made] = []
    asked = [account(run, "", answered(run.ledger, critic(run, round)))]
    questions = [question(run, round, proposer, count) for proposer, count in counts.items()]
    for proposer, answer in zip(counts, ask(run.ledger, questions), strict=True):
        asked.append(account(run, proposer, answer))
        tell(run, asked[-1])
        if answer.reply is not None:
            found += proposals(asked[-1].role, proposer, answer.reply)
    found += [Made(one, None, place) for place, one in enumerate(untaken(run.ledger))]
    candidates = named([made.candidate for made in found], f"r{round}-")
    wishes = {candidate.id: made.wish for candidate, made in zip(candidates, found, strict=True) if made.wish is not None}
    return Proposed(tuple(candidates), tuple(asked), unasked, wishes)


def account(run: Run, proposer: str, answer: Answered) -> AskedRole:
    """Return what came of a question: who was asked for how much, what was answered, and what was lost.

    Args:
        run: the run.
        proposer: the name of the proposer who was asked; empty for the critic.
        answer: what was answered.
    """
    question, key, roles = answer.asked, answer.asked.key, run.recipe.roles
    used = steps.tokens(run.ledger, key.text)
    settings = roles.all_proposers()[proposer] if proposer else roles.critic
    slot = PROPOSERS[steps.kind_of(proposer)].name if proposer else "critic"
    given = len(getattr(answer.reply, "proposals", (None,))) if answer.reply is not None else 0
    cost = nine_decimals(settings.price.of(used))
    note = redacted(str(getattr(answer.reply, "note", "")))
    role = called(run, proposer)
    return AskedRole(role, slot, key.method, question.count, given, answer.lost, used.total, cost, note, proposer)


def called(run: Run, proposer: str) -> str:
    """Return what a proposer, or the critic, is called: its role's name, and its model's where that alone tells two apart."""
    name = role_name(run.roles[proposer or "critic"])
    if not proposer:
        return name
    siblings = run.recipe.roles.proposers(steps.kind_of(proposer))
    model = siblings[proposer].model
    alike = [other for other in siblings if other != proposer and role_name(run.roles[other]) == name]
    return f"{name} {model}" if model and alike else name


def tell(run: Run, asked: AskedRole) -> None:
    """Note what was lost, and what the role notes itself."""
    if asked.note:
        run.progress.note(f"role {asked.role}: {plain_line(asked.note)}")
    if asked.lost:
        reasons = dict.fromkeys(one.reason for one in asked.lost)
        more = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
        what = "gave nothing" if not asked.answered else f"lost {len(asked.lost)} of its replies"
        run.progress.note(f"role {asked.role} {what} ({next(iter(reasons))}){more}; the round continues without it")


def not_asked(run: Run, round: int, mode: Mode) -> Iterator[UnaskedRole]:
    """Yield the roles that the recipe wants but that the round does not ask."""
    for kind, slot in PROPOSERS.items():
        if not wanted(run, kind) or (kind in KINDS[mode] and kind in askable(run, round)):
            continue
        others = [PROPOSERS[other].name for other in KINDS[mode]]
        if kind in KINDS[mode]:
            reason = "the controller does not heed the policy, so no reward could be shown to help"
            remedy = "begin with a start.controller that plays by the logits, to have it asked"
        else:
            reason = f"mode {mode} asks {' and '.join(others)} alone"
            if kind == "reward" and granted(run, round):
                reason += ", and this role only for a reward that the author of a patch wants"
            remedy = "`--set mode=meta_learn` has every role asked in every round"
        who = ", ".join(called(run, proposer) for proposer in run.recipe.roles.proposers(kind))
        yield UnaskedRole(who, slot.name, slot.method, reason, remedy)


def silent(ledger: Ledger) -> list[str]:
    """Return a line for each role that was asked in a run and never answered: which, how often, and the last reason."""
    met: dict[tuple[str, str], list[AskedRole]] = {}
    for one in (asked for found in steps.all_rounds(ledger) for asked in found.asked):
        met.setdefault((one.slot, one.proposer), []).append(one)
    return [
        f"{each[-1].slot} ({each[-1].role}) was asked in {len(each)} round{'s' * (len(each) > 1)} and never answered: "
        f"{each[-1].lost[-1].reason if each[-1].lost else 'it proposed nothing'}"
        for each in met.values()
        if not any(one.answered for one in each)
    ]


def fruitless(ledger: Ledger) -> bool:
    """Return whether a run has asked, or meant to ask, for proposals, and not one candidate came of it."""
    found = steps.all_rounds(ledger)
    meant = any(each.unasked or any(one.slot != "critic" for one in each.asked) for each in found)
    return meant and not any(each.candidates for each in found)


@dataclass(frozen=True, slots=True)
class Made:
    """A proposal: a candidate without an id, its author's wish, and which refused candidate or wish it is for."""

    candidate: Candidate
    wish: Wish | None
    place: int


def proposals(who: str, by: str, reply: BaseModel) -> list[Made]:
    """Return what a role proposes; `by` is its name as a proposer."""
    made = []
    if isinstance(reply, RewardReply):
        for number, spec in enumerate(reply.proposals):
            candidate = Candidate("", who, spec.rationale, None, spec.spec, spec.fault, by, origin=spec.origin)
            made.append(Made(candidate, None, number if spec.place is None else spec.place))
        return made
    assert isinstance(reply, PatchReply)
    for number, item in enumerate(reply.proposals):
        candidate = Candidate("", who, item.rationale, item.text, item.reward, item.fault, by, origin=item.origin)
        made.append(Made(candidate, None if item.reward else item.wish, number if item.place is None else item.place))
    return made


def named(candidates: list[Candidate], start: str) -> list[Candidate]:
    """Return candidates with ids: the start, the kind, and a number among those from the same slot."""
    numbers: Counter[Kind] = Counter()
    found = []
    for candidate in candidates:
        slot = steps.kind_of(candidate.proposer)
        numbers[slot] += 1
        found.append(replace(candidate, id=f"{start}{candidate.kind}{numbers[slot]}"))
    return found


def question(
    run: Run,
    round: int,
    proposer: str,
    count: int,
    refused: tuple[Refused, ...] = (),
    attempt: int = 0,
    wishes: tuple[Wished, ...] = (),
) -> Asked:
    """Return what a role is asked: for new candidates, to repair those that were refused, or to grant patchers' wishes."""
    kind, incumbent = steps.kind_of(proposer), run.incumbent()
    again = ("repair", attempt) if refused else ("answer",) if wishes else ()
    shared: dict[str, Any] = {
        "task": run.task.name,
        "mode": run.result(decide(round)).mode,
        "count": count,
        "seed": run.seed("propose", round, proposer, *again),
        "diagnosis": diagnosis(run, round),
        "tried": tuple(tried(run, round, kind, proposer)),
        "refused": refused,
        "library": _offered(run, round),
    }
    source, reward = run.store.text(incumbent.controller), run.reward(incumbent)
    if kind == "reward":
        stands = tuple(one for one in tried(run, round, "patch", proposer) if one.outcome == "accepted")
        request: Any = RewardRequest(
            **shared,
            incumbent=reward,
            features=features_of(run.recipe, run.task),
            controller=source,
            patched=stands,
            wishes=wishes,
        )
    else:
        tools = tuple(Tool(**asdict(t)) for t in run.task.toolkit)
        request = PatchRequest(
            **shared, source=source, actions=run.task.actions, toolkit=tools, reward=reward, wishes=granted(run, round)
        )
    key = steps.repair(round, proposer, attempt) if refused else steps.ask(round, proposer)
    if wishes:
        key = steps.answer(round, proposer)
    settings = run.recipe.roles.all_proposers()[proposer]
    role = run.roles[proposer]
    replies = request.count * turns(role) if settings.model else 1  # a model may be asked for one after the other
    workshop = RunWorkshop(run, round, key.text) if kind == "patch" else None
    return Asked(key, role, request, settings.timeout_s * replies, workshop)


def _offered(run: Run, before: int) -> tuple[Known, ...]:
    """Return the entries of the run's library that no earlier round has proposed."""
    known = run.find(LIBRARY)
    if known is None:
        return ()
    used = {one.origin for round in range(FIRST_ROUND, before) for one in run.candidates(round)}
    return tuple(entry for entry in known.entries if entry.origin not in used)


def granted(run: Run, round: int) -> int:
    """Return how many wishes of patchers a round grants: none if no reward could be shown to help."""
    return run.recipe.talk.wishes if "reward" in askable(run, round) else 0


def tried(run: Run, before: int, kind: str, proposer: str) -> list[Tried]:
    """Return earlier candidates of a kind and their fates, oldest first, as a proposer reads them."""
    back, shown, out = rolled_back(run.ledger), transcripts(run.ledger), []
    for round in range(FIRST_ROUND, before):
        candidates = run.candidates(round)
        for candidate in candidates:
            if candidate.kind in (kind, "both"):
                told = back.get(candidate.id), shown.get(candidate.id, ())
                out.append(_tried(run, round, candidate, *told, own=proposer in authors(candidate, candidates)))
    return out


def _tried(run: Run, round: int, candidate: Candidate, back: str | None, shown: tuple[str, ...], *, own: bool) -> Tried:
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
        text=proposal(candidate)[:TRIED_TEXT] if passed.outcome == "rejected" else None,
        training=_trained(run, round, candidate),
        own=own,
    )


def proposal(candidate: Candidate) -> str:
    """Return the text that was proposed: the patch, or the reward of a candidate without one."""
    return candidate.patch if candidate.patch is not None else candidate.reward or ""


def _trained(run: Run, round: int, candidate: Candidate) -> dict[str, float]:
    """Return the figures of a candidate's last stage of training; none if it was not trained."""
    stages = (train(round, stage, candidate.id) for stage in reversed(range(run.recipe.halving.stages)))
    return next((dict(found.health) for stage in stages if (found := run.find(stage)) is not None), {})

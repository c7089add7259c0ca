"""Reads a run's ledger into the document that `show --json` prints.

The module is long because every part of the document is read from the same open ledger.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast, get_args

from pydantic import ValidationError

from ouroloop.gate.spending import spending
from ouroloop.inspect import document as doc
from ouroloop.inspect.evidence import evidence, parts_of
from ouroloop.inspect.eyes import eyes_of
from ouroloop.ledger.faults import FORMS, damaged
from ouroloop.ledger.lock import is_running
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps import apply, gate, observe, propose, screen, start, train, watch
from ouroloop.ledger.steps.attribute import attribute
from ouroloop.ledger.steps.key import FIRST_ROUND, part, round_of
from ouroloop.ledger.store import Store
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.records import Build, RewardSpec
from ouroloop.protocols.text import shell_word
from ouroloop.runs import budget
from ouroloop.runs.budget import prices, totals
from ouroloop.runs.by_hand.propose import untaken
from ouroloop.runs.context import rolled_back, spent
from ouroloop.runs.phases.rollback import lineage
from ouroloop.runs.proposers.credit import credit_by_proposer
from ouroloop.runs.recipe import read_recipe

if TYPE_CHECKING:
    from ouroloop.ledger.steps.attribute import Share, Shares
    from ouroloop.ledger.steps.screen import Screening
    from ouroloop.ledger.steps.start import Measures
    from ouroloop.protocols.records import Candidate


P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)
FEW = 40
"""The most ids that an error names."""


def _of_damage(method: Callable[Concatenate[Report, P], R]) -> Callable[Concatenate[Report, P], R]:
    """Wrap a method so that whatever a strange but well-formed record makes it raise says that the run is damaged.

    This is the boundary to directories from outside: figures may be absurd in more ways than each reader can check.
    """

    @wraps(method)
    def read(self: Report, *args: P.args, **options: P.kwargs) -> R:
        try:
            return method(self, *args, **options)
        except OuroloopError:
            raise
        except FORMS as error:
            log.debug("reading %s failed", self.folder, exc_info=True)
            raise damaged(self.folder, f"{type(error).__name__}: {error}") from error

    return cast("Callable[Concatenate[Report, P], R]", read)


class Report:
    """Reads a run directory; changes nothing in it and imports nothing that it names."""

    def __init__(self, folder: Path) -> None:
        """Open a run directory. Raises UsageError if it is not one, LedgerError if it is damaged."""
        self.folder = folder
        self.ledger = Ledger(folder / "ledger.sqlite", "read")  # first: its error names another version
        self.store = Store(folder / "artifacts")
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    @_of_damage
    def refresh(self) -> None:
        """Read again what later calls rest on, because the run has gone on. Raises LedgerError if it is damaged."""
        self.recipe = read_recipe(self.folder, unopened=True)
        self._rolled_back = rolled_back(self.ledger)
        self._states = lineage(self.ledger)

    @_of_damage
    def document(self) -> doc.RunDocument:
        """Return the whole run in the form of `show --json`."""
        used = totals(self.ledger, prices(self.recipe.roles))
        return {
            "run": self.folder.name,
            "status": self.status(),
            "waiting": list(gate.unanswered(self.ledger)),
            "offered": [doc.Offer(kind=one.kind, rationale=one.rationale) for one in untaken(self.ledger)],
            "digest": self.ledger.digest(),
            "seed": self.recipe.seed,
            "start": self._start(),
            "incumbent": self._now(),
            "eyes": eyes_of(self.recipe, self.ledger),
            "gate": self._gate(),
            "rounds": [self.round(n) for n in self.numbers()],
            "by_hand": list(self._by_hand()),
            "proposers": [
                cast("doc.Proposer", asdict(one)) for one in credit_by_proposer(self.ledger, self.recipe) if one.asked
            ],
            "totals": {"games": used.games, "tokens": used.tokens, "cost_usd": used.cost_usd, "wall_s": round(used.wall_s, 3)},
        }

    def status(self) -> doc.Status:
        """Return `running`, `done`, `stopped` or `failed`; a run that was killed counts as stopped."""
        noted = self.ledger.meta("status") or "stopped"
        known = next((status for status in get_args(doc.Status) if status == noted), None)
        if known is None:
            raise damaged(self.ledger.path, f"the status is {noted!r:.40}")
        return "stopped" if known == "running" and not is_running(self.folder) else cast("doc.Status", known)

    @_of_damage
    def resumed(self) -> str:
        """Return the command that continues the run, with the limit to raise if one keeps it from another round."""
        numbers = self.numbers()
        underway = len(numbers) > 0 and watch.play(numbers[-1]).find(self.ledger) is None
        used = budget.spending(self.ledger, prices(self.recipe.roles))
        found = None if underway else budget.spent_limit(self.recipe, numbers.stop, used)
        return f"ouroloop resume {shell_word(self.folder)}" if found is None else found.extended(self.folder)

    def numbers(self) -> range:
        """Return the numbers of the rounds whose candidates are recorded."""
        return range(FIRST_ROUND, FIRST_ROUND + propose.rounds(self.ledger))

    def _start(self) -> doc.Started | None:
        begun, scored = start.INCUMBENT.find(self.ledger), start.SCORE.find(self.ledger)
        if begun is None or scored is None:
            return None
        return {**_played(begun.incumbent, scored.measures), "reward_spec": self.spec(begun.incumbent.reward)}

    def build(self) -> Build | None:
        """Return the build that plays now; None before the start."""
        return self._states[-1].incumbent if self._states else None

    def _now(self) -> doc.Played | None:
        """Return the build that plays now, with the measures that it last had as the incumbent."""
        now = self.build()
        measures = [found for build, found in self._scores() if build == now]
        return _played(now, measures[-1]) if now is not None and measures else None

    def _scores(self) -> Iterator[tuple[Build, Measures]]:
        """Yield every incumbent that was scored, with its measures, in the order of scoring."""
        brought_back = [step.incumbent for step in apply.rollbacks(self.ledger)]
        for step in self.ledger.steps(methods=(start.SCORE.method,)):
            phase = step.key.split("/")
            if step.key == start.SCORE.text:
                yield start.INCUMBENT.read(self.ledger).incumbent, start.SCORE.decoded(step.result).measures
            elif phase[0] == "manual":
                yield brought_back[int(phase[1])], apply.manual_score(0).decoded(step.result).measures
            elif phase[1] == "watch":
                seen = watch.play(0).decoded(step.result)
                yield seen.states[-1].incumbent, seen.measures

    def _by_hand(self) -> Iterator[doc.ByHand]:
        """Yield the rollbacks by hand, in order."""
        after = 0
        for step in self.ledger.steps(methods=(observe.decide(0).method, apply.rollback(0, 0).method)):
            if step.method == observe.decide(0).method:
                after = round_of(step.key)
            elif part(step.key, 0) == "manual":
                back = apply.rollback(0, 0).of(self.ledger, step)
                scored = apply.manual_score(int(part(step.key, 1))).find(self.ledger)
                yield {
                    "after": after,
                    "candidate": back.rolled_back,
                    "reason": back.reason,
                    "chain": dict(back.chain),
                    "retained": list(back.retained),
                    "incumbent": None if scored is None else _played(back.incumbent, scored.measures),
                    "stands": self._is_standing(back.incumbent),
                }

    def _gate(self) -> doc.GateSpending:
        """Return how the run's error budget is spent: the rule, what it bounds, the budget, the races, and what is left."""
        settings, races = self.recipe.gate, spent(self.ledger)
        rule = spending(settings.spending, settings.alpha)
        return {
            "rule": rule.name,
            "controls": rule.controls,
            "alpha": rule.alpha,
            "races": len(races),
            "candidates": sum(len(stake.candidates) for stake in gate.stakes(self.ledger)),
            "accepted": sum(race.accepted for race in races),
            "rolled_back": len(self._rolled_back),
            "left": rule.left(races),
            "next": rule.level(races),
        }

    @_of_damage
    def round(self, index: int) -> doc.Round:
        """Return one round."""
        decided, shares = observe.decide(index).read(self.ledger), attribute(index).find(self.ledger)
        proposed = propose.proposed(self.ledger, index)
        return {
            "index": index,
            "mode": decided.mode,
            "why": decided.why,
            "asked": [_asked(one) for one in proposed.asked],
            "not_asked": [_not_asked(one) for one in proposed.unasked],
            "findings": self.findings(index),
            "candidates": [self._candidate(index, c) for c in proposed.candidates],
            "incumbent": self._incumbent(index),
            "attribution": _shares(shares.round) if shares else None,
            "attribution_total": _shares(shares.total) if shares else None,
            "stands": self._stands(index),
            "undone": self._undone(index),
        }

    @_of_damage
    def findings(self, index: int) -> list[doc.Sentence]:
        """Return what the critic found before a round's candidates were proposed."""
        said = observe.diagnose(index).find(self.ledger)
        return [doc.Sentence(name=f.name, weight=f.weight, evidence=f.evidence) for f in (said.findings if said else ())]

    def _stands(self, index: int) -> bool:
        seen = self._seen(index)
        return seen is not None and self._is_standing(seen.states[-1].incumbent)

    def _is_standing(self, build: Build) -> bool:
        return build in {state.incumbent for state in self._states}

    def _undone(self, index: int) -> list[str]:
        """Return the candidates that were rolled back after a round's attribution, in order."""
        key, since = attribute(index), False
        gone: list[str] = []
        for step in self.ledger.steps(methods=(key.method, apply.rollback(0, 0).method)):
            if since and step.method != key.method:
                back = apply.rollback(0, 0).decoded(step.result)
                gone += [back.rolled_back, *back.chain]
            since = since or step.key == key.text
        return gone

    def _seen(self, index: int) -> watch.Watched | None:
        """Return the watch games of the incumbent that came out of a round; after a rollback those played once more."""
        if apply.rollback(index, 0).find(self.ledger) is not None:
            return watch.again(index).find(self.ledger)
        return watch.play(index).find(self.ledger)

    def _incumbent(self, index: int) -> doc.Played | None:
        """Return the incumbent that came out of a round, with its score on that round's watch seeds."""
        seen = self._seen(index)
        if seen is None:
            return None
        return _played(seen.states[-1].incumbent, seen.measures)

    def _proposed(self, index: int) -> tuple[Candidate, ...]:
        return propose.proposed(self.ledger, index).candidates

    def _candidate(self, index: int, proposed: Candidate) -> doc.Candidate:
        id = proposed.id
        verdict = gate.verdict(index, id).find(self.ledger)
        screened = screen.screen(index, proposed).find(self.ledger)
        back, applied = self._rolled_back.get(id), apply.apply(index, id).find(self.ledger)
        asked = gate.question(index, id).find(self.ledger)
        decided: doc.Decision = "pending" if verdict is None else verdict.outcome
        layer, reason = (verdict.layer, verdict.reason) if verdict else ("", "")
        if verdict is None and asked is not None:
            layer, reason = "approval", f"it waits for your answer; {asked.reason}"
        return {
            "id": id,
            "kind": proposed.kind,
            "role": proposed.role,
            "proposer": proposed.proposer,
            "rationale": proposed.rationale,
            "wish": self._wish(index, id),
            "answers": proposed.answers or None,
            "verdict": decided if back is None else "rolled_back",
            "layer": layer if back is None else "watch",
            "reason": reason if back is None else back,
            "acceptance": reason if decided == "accepted" else None,
            "approval": self._answer(index, id) if asked else None,
            "made": None if applied is None else parts_of(applied.incumbent),
            "fresh": self._fresh(index, id),
            **evidence(verdict or asked),
            "diff": self._diff(proposed, screened),
            "reward": self._reward(proposed, screened),
        }

    def _answer(self, index: int, id: str) -> doc.Answer:
        """Return what the user answered about a candidate."""
        said = gate.approval(index, id).find(self.ledger)
        return doc.Answer(approved=said.approved if said else None, reason=said.reason if said else "")

    def _wish(self, index: int, id: str) -> doc.Wish | None:
        """Return what the author of a patch wants of a designer."""
        wish = propose.proposed(self.ledger, index).wishes.get(id)
        return None if wish is None else doc.Wish(objective=wish.objective, constraints=list(wish.constraints))

    def _fresh(self, index: int, id: str) -> doc.Effect | None:
        """Return a candidate's gain on the games of its round's attribution; None unless it alone was accepted in the round."""
        found = attribute(index).find(self.ledger)
        if found is None or [step.candidate for step in apply.applied(self.ledger, index)] != [id]:
            return None
        total = found.round.total
        return doc.Effect(utility=total.estimate, low=total.low, high=total.high, games=found.round.games)

    def _diff(self, proposed: Candidate, screened: Screening | None) -> str | None:
        return self.store.text(screened.diff) if screened and screened.diff else proposed.patch

    def _reward(self, proposed: Candidate, screened: Screening | None) -> doc.Spec | doc.Unread | None:
        if screened and screened.reward:
            return self.spec(screened.reward)
        return None if proposed.reward is None else {"text": proposed.reward}

    def spec(self, digest: str) -> doc.Spec:
        """Return a kept reward spec. Raises LedgerError if the artifact is none."""
        try:
            spec = RewardSpec.model_validate_json(self.store.text(digest))
        except ValidationError as error:
            raise damaged(self.store.folder / digest, one_line(error)) from error
        return cast("doc.Spec", spec.model_dump(mode="json"))

    @_of_damage
    def candidate(self, id: str) -> doc.CandidateOfRound:
        """Return one candidate by id, with its round.

        Raises:
            UsageError: the run has no such candidate.
        """
        index, proposed = self.find(id)
        return {"round": index, **self._candidate(index, proposed)}

    @_of_damage
    def find(self, id: str) -> tuple[int, Candidate]:
        """Return a candidate with its round, which its id begins with. Raises UsageError if the run has no such candidate."""
        numbers, named = self.numbers(), re.match(r"r(\d{1,9})-", id)
        likely = [int(named[1])] if named and int(named[1]) in numbers else []
        for index in (*likely, *numbers):
            for proposed in self._proposed(index):
                if proposed.id == id:
                    return index, proposed
        known = [c.id for n in numbers for c in self._proposed(n)]
        has = f"{', '.join(known[:FEW]) or 'none yet'}{f' and {len(known) - FEW} more' if len(known) > FEW else ''}"
        raise UsageError(f"run {self.folder.name} has no candidate {id!r}; it has {has}")

    @_of_damage
    def build_of(self, id: str) -> Build | None:
        """Return the build that a candidate played as in its race; None if it did not race."""
        round, proposed = self.find(id)
        verdict = gate.verdict(round, id).find(self.ledger) or gate.question(round, id).find(self.ledger)
        screened = screen.screen(round, proposed).find(self.ledger)
        if verdict is None or screened is None or (base := verdict.incumbent) is None:
            return None
        ended = train.train(round, self.recipe.halving.stages - 1, id).find(self.ledger)
        policy = base.policy if proposed.reward is None else (ended.policy if ended else None)
        controller = screened.controller or base.controller
        return None if policy is None else Build(policy, screened.reward or base.reward, controller)

    @_of_damage
    def pair(self, a: str, b: str) -> tuple[str, str]:
        """Return two candidates' controllers, or their reward specs as indented JSON.

        The start, and a candidate of kind `both`, can be compared as either.

        Raises:
            UsageError: a candidate does not exist or did not pass the screen, or one is a patch and the other a reward.
        """
        kinds = {self.candidate(id)["kind"] for id in (a, b) if id != "start"} - {"both"} or {"patch"}
        if len(kinds) > 1:
            raise UsageError(f"{a} and {b} are of different kinds; compare two patches or two rewards, or one with `start`")
        kind = kinds.pop()
        return self._part(a, kind), self._part(b, kind)

    def _part(self, id: str, kind: str) -> str:
        if id == "start":
            begun = start.INCUMBENT.find(self.ledger)
            if begun is None:
                raise UsageError(f"run {self.folder.name} has no start yet: resume it first")
            parts: Build | Screening | None = begun.incumbent
        else:
            parts = self._screening(id)
        digest = None if parts is None else (parts.controller if kind == "patch" else parts.reward)
        if digest is None:
            found = self.candidate(id)
            raise UsageError(
                f"{id} did not pass the screen ({found['layer']}: {found['reason']}), so there is nothing to compare"
            )
        text = self.store.text(digest)
        return text if kind == "patch" else json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"

    def _screening(self, id: str) -> Screening | None:
        return screen.screen(*self.find(id)).find(self.ledger)

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()


def _asked(one: propose.AskedRole) -> doc.Asked:
    return {
        "role": one.role,
        "slot": one.slot,
        "method": one.method,
        "count": one.count,
        "answered": one.answered,
        "lost": [{"reason": lost.reason, "text": lost.text} for lost in one.lost],
        "tokens": one.tokens,
        "cost_usd": one.cost_usd,
        "note": one.note,
    }


def _not_asked(one: propose.UnaskedRole) -> doc.NotAsked:
    return {"role": one.role, "slot": one.slot, "method": one.method, "reason": one.reason, "remedy": one.remedy}


def _played(build: Build, measures: Measures) -> doc.Played:
    return {
        **parts_of(build),
        "score": {"mean": measures.score.mean, "low": measures.score.low, "high": measures.score.high},
        "win_rate": measures.win_rate,
        "win_rate_low": measures.win_rate_low,
        "win_rate_high": measures.win_rate_high,
        "path_optimality": measures.path_optimality,
        "utility": measures.utility,
    }


def _shares(found: Shares) -> doc.Attribution:
    """Return an attribution: the estimates by part, their 95 % intervals, who earned the gain, and the seeds played."""
    parts: dict[doc.Part, Share] = {
        "reward": found.reward,
        "code": found.code,
        "interaction": found.interaction,
        "total": found.total,
    }
    return {
        "reward": found.reward.estimate,
        "code": found.code.estimate,
        "interaction": found.interaction.estimate,
        "total": found.total.estimate,
        "intervals": {name: [share.low, share.high] for name, share in parts.items()},
        "owner": found.owner,
        "level": found.level,
        "games": found.games,
    }

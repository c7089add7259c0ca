"""The outline of a run: its rounds, candidates, states and money, read once and then kept up to date.

A document (`show --json`) reads everything anew. An outline reads only the steps that are new, and of each only what tables
and charts need, so a page about a run of a thousand rounds stays quick while the run goes on.

The module is long because all parts of the outline are filled from one pass over the steps.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from math import inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ouroloop.ledger.steps import apply, gate, observe, propose, screen, start, watch
from ouroloop.ledger.steps.attribute import Shares, attribute
from ouroloop.ledger.steps.key import number, part, round_of
from ouroloop.ledger.steps.propose import exchanged, payer
from ouroloop.ledger.steps.usage import PLAYING
from ouroloop.protocols.prices import Price, Tokens
from ouroloop.runs.budget import prices
from ouroloop.runs.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ouroloop.ledger.sqlite import Ledger, Step
    from ouroloop.ledger.steps.start import Measures
    from ouroloop.protocols.records import Build, Candidate, Effect, Kind, Mode, Verdict

Decision: TypeAlias = Literal["accepted", "rejected", "rolled_back", "pending"]
CHAT: Final = propose.chat("", 0, 0).method
READ: Final = (
    start.INCUMBENT.method,
    observe.decide(0).method,
    propose.candidates(0).method,
    *screen.METHODS,
    gate.spend(0, "patch").method,
    gate.question(0, "").method,
    gate.approval(0, "").method,
    gate.verdict(0, "").method,
    propose.by_hand(0).method,
    apply.apply(0, "").method,
    apply.rollback(0, 0).method,
    attribute(0).method,
    CHAT,
)
"""The methods of the steps that an outline reads, besides the games that score a build."""
SCORED: Final = (start.SCORE.text, "manual/*/score", "*/watch/play", "*/watch/again")
"""The keys of those games."""


@dataclass(slots=True)
class Entry:
    """A candidate in a table.

    Args:
        id: its id.
        round: its round.
        kind: what it changes.
        role: its author's own name.
        proposer: its author as a proposer.
        rationale: what its author says of it.
        answers: the candidate whose author's wish it grants; empty for none.
        repaired: whether it came as the repair of a refused one.
        decision: what became of it, a rollback included.
        layer: where that was decided.
        reason: why.
        effect: its effect in its race; None if it did not race.
        e_value: the evidence of its race; None likewise.
        alpha: the level of its test; None likewise.
        passed: whether it passed the screen; None if it was not screened yet.
        accepted: whether it was ever accepted.
    """

    id: str
    round: int
    kind: Kind
    role: str
    proposer: str
    rationale: str
    answers: str
    repaired: bool = False
    decision: Decision = "pending"
    layer: str = ""
    reason: str = ""
    effect: Effect | None = None
    e_value: float | None = None
    alpha: float | None = None
    passed: bool | None = None
    accepted: bool = False


@dataclass(slots=True)
class RoundEntry:
    """A round.

    Args:
        index: its number.
        mode: its mode; None until it is decided.
        why: why it was chosen.
        candidates: the ids of its candidates, in order.
        asked: who was asked.
        lost: how many replies yielded nothing.
        shares: whose its gain is; None if it accepted nothing.
        total: the same for the whole run so far.
        measures: how the incumbent after it plays; None until it was watched.
        incumbent: that build.
        tokens: used in it.
        cost_usd: their price.
    """

    index: int
    mode: Mode | None = None
    why: str = ""
    candidates: list[str] = field(default_factory=list)
    asked: list[propose.AskedRole] = field(default_factory=list)
    lost: int = 0
    shares: Shares | None = None
    total: Shares | None = None
    measures: Measures | None = None
    incumbent: Build | None = None
    tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the incumbent: a start, an acceptance or a rollback.

    Args:
        kind: which of them.
        build: the build that plays from then on.
        candidate: who was accepted or rolled back; empty for the start.
        round: in which round, or after which if `by_hand`.
        reason: why it was rolled back.
        with_it: candidates that were rolled back with it, each with the reason.
        kept: later candidates that stayed.
        by_hand: whether a user did it.
        measures: how that build plays, if a rollback by hand was scored.
    """

    kind: Literal["start", "accepted", "rolled_back"]
    build: Build
    candidate: str = ""
    round: int = 0
    reason: str = ""
    with_it: tuple[tuple[str, str], ...] = ()
    kept: tuple[str, ...] = ()
    by_hand: bool = False
    measures: Measures | None = None


@dataclass(slots=True)
class Spent:
    """What a proposer's model used."""

    tokens: int = 0
    cost_usd: float = 0.0


class Outline:
    """What tables and charts show of a run.

    Attributes:
        recipe: the run's.
        start: the first build, and how it plays; None before.
        rounds: by number.
        candidates: by id, in the order proposed.
        turns: every change of the incumbent.
        lineage: the accepted states that stand.
        stakes: of the races, in order.
        games: played so far.
        tokens: used so far, and `cost_usd` their price.
        wall_s: seconds at work; see `Ledger.wall_s`.
        models: what each proposer's model used, by the proposer's name; `diagnose` is the critic.
        waiting: the candidates that wait for the user's answer, by id.
        offered: what users propose for the next round, in order.
    """

    def __init__(self, folder: Path) -> None:
        """Begin with nothing. Raises UsageError or LedgerError if the recipe cannot be read."""
        self.recipe: Recipe = read_recipe(folder, unopened=True)
        self._prices: Mapping[str, Price] = prices(self.recipe.roles)
        self.rounds: dict[int, RoundEntry] = {}
        self.candidates: dict[str, Entry] = {}
        self.turns: list[Turn] = []
        self.lineage: list[apply.Standing] = []
        self.stakes: list[gate.Stake] = []
        self.start_measures: Measures | None = None
        self.games, self.tokens, self.cost_usd, self.wall_s = 0, 0, 0.0, 0.0
        self.models: dict[str, Spent] = {}
        self.waiting: list[str] = []
        self.offered: list[Candidate] = []
        self._last_seen: dict[Build, Measures] = {}
        self._seen = 0
        self._mark: tuple[object, ...] = ()
        self._lasted: dict[int, float] = {}
        self._undone: set[int] = set()
        self._reads = {
            start.INCUMBENT.method: self._begun,
            observe.decide(0).method: self._decided,
            propose.candidates(0).method: self._proposed,
            gate.spend(0, "patch").method: self._staked,
            gate.question(0, "").method: self._waiting,
            gate.approval(0, "").method: self._answered,
            gate.verdict(0, "").method: self._judged,
            propose.by_hand(0).method: self._offered,
            apply.apply(0, "").method: self._applied,
            apply.rollback(0, 0).method: self._rolled_back,
            attribute(0).method: self._attributed,
            CHAT: self._talked,
        } | dict.fromkeys(screen.METHODS, self._screened)

    def update(self, ledger: Ledger) -> bool:
        """Read the steps that are new; return whether there were any.

        Raises:
            LedgerError: one is damaged.
        """
        last = ledger.last()
        if last <= self._seen:
            return False
        for step in ledger.steps(methods=READ, after=self._seen, upto=last, params=False):  # more may be recorded while we read
            self._reads[step.method](ledger, step)
        scores = (start.SCORE.method,)
        games = (ledger.steps(pattern, scores, after=self._seen, upto=last, params=False) for pattern in SCORED)
        for step in sorted(chain.from_iterable(games), key=lambda step: step.seq):
            self._played(ledger, step)
        self.games += ledger.total("played", PLAYING, self._seen, last)
        self._worked(ledger, last)
        self._seen, self._mark = last, _mark(ledger, last)
        return True

    def _worked(self, ledger: Ledger, last: int) -> None:
        """Take the times of the new steps: an opening lasts until its last step; a step before all of them counts for none."""
        openings, moments = ledger.openings(), ledger.moments(self._seen, last)
        for place, (opened, over) in enumerate(pairwise([*openings, inf])):
            before = bisect_left(moments, over)
            if before and moments[before - 1] >= opened:
                self._lasted[place] = max(moments[before - 1] - opened, self._lasted.get(place, 0.0))
        self.wall_s = sum(self._lasted.values())

    def continues(self, ledger: Ledger) -> bool:
        """Tell whether a ledger that was opened anew still has the step that was read last, so that `update` can go on."""
        return self._mark == _mark(ledger, self._seen)

    @property
    def begun(self) -> Turn | None:
        """The start; None before it."""
        return self.turns[0] if self.turns else None

    @property
    def now(self) -> Build | None:
        """The build that plays now; None before the start."""
        return self.lineage[-1].incumbent if self.lineage else None

    def stands(self, build: Build | None) -> bool:
        """Tell whether a build is still among the accepted states."""
        return build is not None and any(state.incumbent == build for state in self.lineage)

    def of_round(self, index: int) -> list[Entry]:
        """Return a round's candidates."""
        return [self.candidates[id] for id in self.rounds[index].candidates] if index in self.rounds else []

    def measures_now(self) -> Measures | None:
        """Return how the build that plays now was last seen to play."""
        return None if self.now is None else self._last_seen.get(self.now)

    def _round(self, index: int) -> RoundEntry:
        return self.rounds.setdefault(index, RoundEntry(index))

    def _begun(self, ledger: Ledger, step: Step) -> None:
        found = start.INCUMBENT.of(ledger, step)
        self.turns.append(Turn("start", found.incumbent))
        self.lineage = apply.standing_after(found, self.lineage)

    def _played(self, ledger: Ledger, step: Step) -> None:
        """Take the games that score a build."""
        if step.key == start.SCORE.text:
            self.start_measures = start.SCORE.of(ledger, step).measures
            if self.begun is not None:
                self._last_seen[self.begun.build] = self.start_measures
        elif step.key.startswith("manual/"):
            self._scored_by_hand(start.SCORE.of(ledger, step).measures, number(step.key, 1))
        else:
            self._watched(watch.play(0).of(ledger, step), round_of(step.key), again=step.key.endswith("/again"))

    def _scored_by_hand(self, measures: Measures, count: int) -> None:
        backs = [at for at, turn in enumerate(self.turns) if turn.kind == "rolled_back"]
        if count < len(backs):
            turn = replace(self.turns[backs[count]], measures=measures)
            self.turns[backs[count]], self._last_seen[turn.build] = turn, measures

    def _watched(self, seen: watch.Watched, index: int, *, again: bool) -> None:
        """Take a round's watch games; after a rollback in the round only those that were played again are its score."""
        build = seen.states[-1].incumbent
        self._last_seen[build] = seen.measures
        if again or index not in self._undone:
            entry = self._round(index)
            entry.measures, entry.incumbent = seen.measures, build

    def _decided(self, ledger: Ledger, step: Step) -> None:
        entry, found = self._round(round_of(step.key)), observe.decide(0).of(ledger, step)
        entry.mode, entry.why = found.mode, found.why

    def _proposed(self, ledger: Ledger, step: Step) -> None:
        entry, found = self._round(round_of(step.key)), propose.candidates(0).of(ledger, step)
        entry.asked += found.asked
        entry.lost += sum(len(one.lost) for one in found.asked)
        for one in found.candidates:
            entry.candidates.append(one.id)
            self.candidates[one.id] = _entry(entry.index, one, repaired=part(step.key, 1) == "repair")
        self.offered = self.offered[sum(one.proposer in propose.HAND.values() for one in found.candidates) :]

    def _screened(self, ledger: Ledger, step: Step) -> None:
        if (one := self.candidates.get(part(step.key, 2))) is not None and not step.failed:
            one.passed = screen.SCREENED.of(ledger, step).outcome == "passed"

    def _staked(self, ledger: Ledger, step: Step) -> None:
        self.stakes.append(gate.spend(0, "patch").of(ledger, step))

    def _offered(self, ledger: Ledger, step: Step) -> None:
        self.offered.append(propose.by_hand(0).of(ledger, step).candidate)

    def _waiting(self, ledger: Ledger, step: Step) -> None:
        found, id = gate.question(0, "").of(ledger, step), part(step.key, 2)
        self.waiting.append(id)
        self._decide(id, replace(found, layer="approval", reason=f"it waits for your answer; {found.reason}"), "pending")

    def _answered(self, ledger: Ledger, step: Step) -> None:
        self.waiting = [id for id in self.waiting if id != part(step.key, 2)]

    def _judged(self, ledger: Ledger, step: Step) -> None:
        found = gate.verdict(0, "").of(ledger, step)
        self._decide(part(step.key, 2), found, found.outcome)

    def _decide(self, id: str, found: Verdict, decision: Decision) -> None:
        """Note what is decided about a candidate, and by what evidence."""
        if (one := self.candidates.get(id)) is not None:
            one.decision, one.layer, one.reason = decision, found.layer, found.reason
            one.effect, one.e_value, one.alpha = found.effect, found.e_value, found.alpha
            one.accepted = decision == "accepted"

    def _applied(self, ledger: Ledger, step: Step) -> None:
        found = apply.apply(0, "").of(ledger, step)
        self.turns.append(Turn("accepted", found.incumbent, found.candidate, found.round))
        self.lineage = apply.standing_after(found, self.lineage)

    def _rolled_back(self, ledger: Ledger, step: Step) -> None:
        found, by_hand = apply.rollback(0, 0).of(ledger, step), part(step.key, 0) == "manual"
        round = max(self.rounds, default=0) if by_hand else round_of(step.key)
        others = tuple(found.chain.items())
        if not by_hand:
            self._undone.add(round)
            self._round(round).measures = self._round(round).incumbent = None
        self.turns.append(
            Turn("rolled_back", found.incumbent, found.rolled_back, round, found.reason, others, found.retained, by_hand)
        )
        self.lineage = apply.standing_after(found, self.lineage)
        for id, reason in ((found.rolled_back, found.reason), *others):
            if (one := self.candidates.get(id)) is not None:
                one.decision, one.layer, one.reason = "rolled_back", "watch", reason

    def _attributed(self, ledger: Ledger, step: Step) -> None:
        entry, found = self._round(round_of(step.key)), attribute(0).of(ledger, step)
        entry.shares, entry.total = found.round, found.total

    def _talked(self, ledger: Ledger, step: Step) -> None:
        used: Tokens = exchanged(ledger, step).tokens
        who = payer(step.key)
        cost, spent = self._prices.get(who, Price()).of(used), self.models.setdefault(who, Spent())
        spent.tokens, spent.cost_usd = spent.tokens + used.total, spent.cost_usd + cost
        self.tokens, self.cost_usd = self.tokens + used.total, self.cost_usd + cost
        if (round := part(step.key, 0)).isdigit():
            entry = self._round(int(round))
            entry.tokens, entry.cost_usd = entry.tokens + used.total, entry.cost_usd + cost


def _mark(ledger: Ledger, seq: int) -> tuple[object, ...]:
    """Return what is recorded in a place; nothing for none."""
    return tuple((step.key, step.method, *step.texts) for step in ledger.steps(after=seq - 1, upto=seq))


def _entry(round: int, one: Candidate, *, repaired: bool) -> Entry:
    return Entry(one.id, round, one.kind, one.role, one.proposer, one.rationale, one.answers or "", repaired)

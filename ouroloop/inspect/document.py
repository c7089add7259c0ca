"""The document of a run, as `show --json` prints it. Fields may be added, but are never renamed.

The module is long because the whole form stands in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypeAlias, TypedDict, final

from ouroloop.protocols.records import Kind, Mode, Outcome

Part = Literal["reward", "code", "interaction", "total"]
"""The parts that a gain is attributed to."""
Decision: TypeAlias = Outcome | Literal["pending"]
"""A candidate is pending until a layer decides."""


class Score(TypedDict):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


class Parts(TypedDict):
    """A build by its content hashes."""

    policy: str
    reward: str
    controller: str


class Played(TypedDict):
    """A build by its content hashes, and how it plays."""

    policy: str
    reward: str
    controller: str
    score: Score
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    path_optimality: float
    utility: float


class Term(TypedDict):
    """One term of a reward spec."""

    name: str
    expr: str
    weight: float
    clip: float


class Schedule(TypedDict):
    """How a reward spec is warmed up and phased out."""

    warmup: float
    decay: float


class Loss(TypedDict, total=False):
    """What a reward spec changes of the loss; see `records.Loss`."""

    beta: float
    entropy: float
    epsilon_low: float
    epsilon_high: float


@final
class Spec(TypedDict):
    """A reward spec; `loss` is there if it changes the loss."""

    terms: list[Term]
    gamma_r: float
    anneal: Schedule
    loss: NotRequired[Loss]


@final
class Unread(TypedDict):
    """A proposed reward that never became a spec."""

    text: str


class Started(Played):
    """The first incumbent, with its reward spelled out."""

    reward_spec: Spec


class Effect(TypedDict):
    """Mean paired difference of utility, its bounds, and pairs played."""

    utility: float
    low: float
    high: float
    games: int


class Seeds(TypedDict):
    """Games `first .. first + count - 1` of a stream."""

    stream: str
    first: int
    count: int


class TTest(TypedDict):
    """The fixed-size test of the same games, for comparison."""

    games: int
    t: float
    p: float


class Evidence(TypedDict):
    """The evidence for a verdict; all None if no games were played.

    `against` is the build that it played against, and `health` are the figures of its training.
    """

    effect: Effect | None
    e_value: float | None
    alpha: float | None
    seeds: Seeds | None
    t_test: TTest | None
    regret: list[float] | None
    bound: float | None
    against: Parts | None
    health: dict[str, float] | None


class Wish(TypedDict):
    """The reward that the author of a patch wants beside it."""

    objective: str
    constraints: list[str]


class Answer(TypedDict):
    """What the user answered about a candidate that the gate accepted: `approved` is None as long as it waits."""

    approved: bool | None
    reason: str


class Candidate(Evidence):
    """A candidate, its verdict, and the evidence.

    `proposer` is the name of its author as a proposer, as in `proposers`. `wish` is what that author wants of a designer, and
    `answers` the candidate whose wish this one grants.

    `fresh` is the round's gain on games that decided nothing; None if the round accepted other candidates as well. `acceptance`
    is why a candidate was accepted, which stays after a rollback, and `made` is the build that it made then. `approval` is None
    if nobody was asked. Of a candidate that waits for the user's answer, the evidence is there already.
    """

    id: str
    kind: Kind
    role: str
    proposer: str
    rationale: str
    wish: Wish | None
    answers: str | None
    verdict: Decision
    layer: str
    reason: str
    acceptance: str | None
    approval: Answer | None
    made: Parts | None
    fresh: Effect | None
    diff: str | None
    reward: Spec | Unread | None


class CandidateOfRound(Candidate):
    """A candidate with the number of its round."""

    round: int


class Sentence(TypedDict):
    """A finding of the critic: its name, the share of games or decisions concerned, and the sentence."""

    name: str
    weight: float
    evidence: str


class Stage(TypedDict):
    """A stage of a candidate's training: its health figures, its alarms as lines, and why it ended early or failed."""

    stage: int
    health: dict[str, float]
    alarms: list[str]
    stopped: str | None
    error: str | None


class Message(TypedDict):
    """A message to a chat model, or its reply."""

    role: str
    content: str


class Talk(TypedDict):
    """An exchange with a chat model: the messages, the reply, or the error in its place, and the tokens."""

    messages: list[Message]
    reply: str | None
    error: str | None
    tokens_in: int
    tokens_out: int


class Pairs(TypedDict):
    """The paired games of a candidate: how many it won, drew and lost against the incumbent, and those that its faults lost."""

    better: int
    equal: int
    worse: int
    faults: int


class LostPair(TypedDict):
    """A paired game that a candidate lost to the incumbent: the seed of the game, and the utility of each."""

    seed: int
    candidate: float
    incumbent: float


class CandidateDetails(CandidateOfRound):
    """A candidate with all that is recorded about it.

    Fields beyond `CandidateOfRound`:
        findings: the critic's findings of its round.
        lost_games: games as text. For a rolled-back candidate those that it lost, or else those that the incumbent had lost,
            which its author was shown.
        whose_games: `candidate` or `incumbent`.
        pairs: its paired games at the gate; None if it played none.
        lost_pairs: those in which it did worst, the worst first.
        replay: the command that plays these games again, with the candidate in a sandbox; None if no command can.
        training: the stages of its training.
        exchanges: what its author and the author's model wrote to each other about it, repairs included.
        undo: the command that takes it back; None unless it is accepted.
    """

    findings: list[Sentence]
    lost_games: list[str]
    whose_games: Literal["candidate", "incumbent"]
    pairs: Pairs | None
    lost_pairs: list[LostPair]
    replay: str | None
    training: list[Stage]
    exchanges: list[Talk]
    undo: str | None


class Lost(TypedDict):
    """A reply that yielded no candidate: why, and how its text begins; None if there was no text."""

    reason: str
    text: str | None


class Asked(TypedDict):
    """A role that a round asked: for how many answers, how many it gave, what was lost, and what that cost.

    `slot` is its table in the recipe. A critic is asked for one diagnosis. `note` is the role's own line on its reply.
    """

    role: str
    slot: str
    method: str
    count: int
    answered: int
    lost: list[Lost]
    tokens: int
    cost_usd: float
    note: str


class NotAsked(TypedDict):
    """A role that a round did not ask, though the recipe wants it: the reason, and how to have it asked."""

    role: str
    slot: str
    method: str
    reason: str
    remedy: str


class Proposer(TypedDict):
    """What a proposer has brought so far, and what that cost.

    `name` is its kind, with its place from the second of a slot on (`patch.2`). `asked` counts proposals, repairs included;
    `passed` those that passed the screen, `accepted` those that stand. `gain` is the sum of their effects in their races. A
    pair that grants a wish is accepted for the authors of its patch and its reward, with half of its gain each. `seconds` are
    those of its answers, and its candidates' share of the time until verdicts.
    """

    name: str
    role: str
    slot: str
    asked: int
    answered: int
    passed: int
    accepted: int
    gain: float
    seconds: float
    tokens: int
    cost_usd: float


class Attribution(TypedDict):
    """A gain by part, with intervals of 95 % each. `owner` says who gets the credit; `games` counts the seeds played.

    Parts are named at `level`, which is corrected over the rounds of the run.
    """

    reward: float
    code: float
    interaction: float
    total: float
    intervals: dict[Part, list[float]]
    owner: str
    level: float
    games: int


class Round(TypedDict):
    """A round. `incumbent` is the build that came out of it; None until the round has been watched.

    `findings` are the critic's, from before the candidates were proposed. `stands` says whether that build is still among the
    accepted states. `undone` names the candidates, of any round, that were rolled back after this round's attribution, whose
    total is then no longer the run's.
    """

    index: int
    mode: Mode
    why: str
    asked: list[Asked]
    not_asked: list[NotAsked]
    findings: list[Sentence]
    candidates: list[Candidate]
    incumbent: Played | None
    attribution: Attribution | None
    attribution_total: Attribution | None
    stands: bool
    undone: list[str]


class ByHand(TypedDict):
    """A rollback by hand.

    Fields:
        after: the last round before it.
        candidate: the candidate that was rolled back.
        reason: why, as the user gave it.
        chain: later candidates that were rolled back with it, each with the reason.
        retained: later candidates that stayed.
        incumbent: the build that it brought back, on fresh games; None if it was stopped before these were played.
        stands: whether that build is still among the accepted states.
    """

    after: int
    candidate: str
    reason: str
    chain: dict[str, str]
    retained: list[str]
    incumbent: Played | None
    stands: bool


class GateSpending(TypedDict):
    """The error budget: the rule, what it bounds, the budget, the races so far, what is left, and the next race's share.

    `accepted` counts all candidates that the gate ever accepted, and `rolled_back` those of them that were rolled back since.
    """

    rule: str
    controls: str
    alpha: float
    races: int
    candidates: int
    accepted: int
    rolled_back: int
    left: float
    next: float


class Totals(TypedDict):
    """The resources that a run has used.

    `wall_s` is the time at work: from each opening of the run to its last step. What a command does before it opens the run,
    such as its checks, is not in it.
    """

    games: int
    tokens: int
    cost_usd: float
    wall_s: float


Status: TypeAlias = Literal["running", "done", "stopped", "failed"]


class Eyes(TypedDict):
    """By which eyes a run plays.

    `encoder` is the kind of encoder whose latents the policy gets; none if it reads text. `reader` and `eye` are content
    hashes. `exact` is the share of `boards`, those read so far, of which everything visible was read correctly.
    """

    perception: str
    encoder: str | None
    reader: str | None
    eye: str | None
    camera: dict[str, str | float | bool]
    boards: int
    exact: float | None


class Offer(TypedDict):
    """What a user proposes for the next round: its kind, and why."""

    kind: Kind
    rationale: str


class RunDocument(TypedDict):
    """A whole run. `incumbent` is the build that plays now, as last scored; None before it has been scored.

    `by_hand` are the rollbacks by hand; a round's own rollbacks are in the verdicts of its candidates. `eyes` is None for a run
    in which nothing is seen. `waiting` are the candidates that wait for the user's answer, and `offered` is what
    users propose for the next round.
    """

    run: str
    status: Status
    waiting: list[str]
    offered: list[Offer]
    digest: str
    seed: int | None
    start: Started | None
    incumbent: Played | None
    eyes: Eyes | None
    gate: GateSpending
    rounds: list[Round]
    by_hand: list[ByHand]
    proposers: list[Proposer]
    totals: Totals


def candidates(document: RunDocument) -> list[Candidate]:
    """Return all candidates, in the order proposed."""
    return [candidate for entry in document["rounds"] for candidate in entry["candidates"]]


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of some candidates.

    Args:
        candidates: how many there are.
        accepted: those that the gate accepted, whatever came later.
        rejected: those that some layer rejected.
        rolled_back: those of the accepted that were rolled back since.
    """

    candidates: int
    accepted: int
    rejected: int
    rolled_back: int

    def __str__(self) -> str:
        """Say how many were accepted, and how many of these were rolled back."""
        return accepted_and_back(self.accepted, self.rolled_back)


def accepted_and_back(accepted: int, rolled_back: int) -> str:
    """Say how many candidates were accepted, and how many of these were rolled back since."""
    return f"{accepted} accepted, {rolled_back} of them rolled back since" if rolled_back else f"{accepted} accepted"


def tally(found: Sequence[Candidate]) -> Tally:
    """Count what became of candidates."""
    verdicts = [c["verdict"] for c in found]
    accepted = sum(c["acceptance"] is not None for c in found)
    return Tally(len(found), accepted, verdicts.count("rejected"), verdicts.count("rolled_back"))

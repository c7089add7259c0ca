"""Requests to roles and their replies, which travel as JSON-RPC params and results.

The module is long because it is the one vocabulary between the loop and its roles.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from ouroloop.protocols.records import Ending, Frozen, Mode, RewardSpec

TEXT: Final = 200_000
"""The most characters of a proposed text; the screen takes far less."""
PROPOSALS: Final = 64
"""The most proposals, lost replies or findings in one reply."""
WISH: Final = 300
"""The most characters of a wish's objective, and of each of its constraints."""
ORIGIN: Final = 300
"""The most characters of an origin: a run's name, and a candidate's id."""
CONSTRAINTS: Final = 8
"""The most constraints of a wish."""
TRIED_TEXT: Final = 2000
LOST_REASON: Final = 300
LOST_TEXT: Final = 4000
"""Characters of a lost reply that are kept: of the reason, and of its text."""
NOTE: Final = 300
"""The most characters of a role's note on its reply; a longer one is cut."""


class Finding(Frozen):
    """One thing that the incumbent does wrong.

    Args:
        name: a short key that roles may search by, e.g. `hits_body`, `starves`, `detours`, `training_stalled`.
        weight: the share of games or decisions concerned, in [0, 1].
        evidence: one line for a person or a model.
        mode: the round mode that answers it; None if the loop's own table decides by the name.
    """

    name: str = Field(min_length=1, max_length=100)
    weight: float = Field(ge=0, le=1)
    evidence: str = Field(max_length=2000)
    mode: Mode | None = None


class Diagnosis(Frozen):
    """What the incumbent does wrong, from games on search seeds and from the last training.

    Args:
        games: games looked at.
        score: foods eaten per game, with its 95 % interval in `score_low` and `score_high`.
        utility: mean utility.
        win_rate: share of games won.
        deaths: cause -> share of games; the causes are the task's.
        regret: phase of the game -> mean oracle regret per decision.
        avoidable: share of lost games whose last move the oracle would not have made.
        policy_influence: share of decisions that would change if the logits were negated. Near 0 the policy plays no part,
            and training it cannot help.
        training: health of the last training whose candidate still stands (kl, entropy, clip_fraction, zero_variance, gain,
            ...); empty if there is none.
        trainings: candidates trained under designed rewards so far, whether they stand or not.
        findings: the findings from all of this, heaviest first.
        transcripts: failures as text, in the shortest useful form.
        pictures: of each transcript the positions in it, as a PNG in base64; empty if no role sees.
        regrets: of each transcript, of each position in it, the oracle's regret of each action; empty without an oracle.
    """

    games: int
    score: float
    score_low: float
    score_high: float
    utility: float
    win_rate: float
    deaths: dict[str, float]
    regret: dict[str, float]
    avoidable: float
    policy_influence: float = 1.0
    training: dict[str, float] = Field(default_factory=dict)
    trainings: int = Field(default=0, ge=0)
    findings: tuple[Finding, ...] = ()
    transcripts: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    regrets: tuple[tuple[tuple[float, ...], ...], ...] = ()


class Trial(Frozen):
    """What became of a draft: the facts of its games, or the layer that refused it and why; `played` counts the games."""

    facts: Diagnosis | None = None
    layer: str = ""
    reason: str = Field(default="", max_length=4000)
    played: int = Field(default=0, ge=0)


class Tried(Frozen):
    """An earlier candidate and its fate, for a role to learn from."""

    round: int
    kind: Literal["reward", "patch", "both"]
    role: str
    outcome: Literal["accepted", "rejected", "rolled_back"]
    layer: str
    reason: str
    effect: float | None = None
    reward: RewardSpec | None = None
    diff: str | None = None
    source: str | None = None
    """The whole controller after the patch, if the patch applied."""
    transcripts: tuple[str, ...] = ()
    """Games that it lost after it was accepted; they show why it was rolled back."""
    text: str | None = None
    """What was proposed, cut to `TRIED_TEXT` characters, if the screen refused it."""
    training: dict[str, float] = Field(default_factory=dict)
    """The figures of its training under the designed reward, among them each term's mean return; see `Diagnosis.training`."""
    own: bool = False
    """Whether the role that is asked proposed it, alone or with the author of a wish that it grants."""


class Lost(Frozen):
    """A reply that yielded no candidate: why, and how its text begins; None if there was no text."""

    reason: str = Field(max_length=LOST_REASON)
    text: str | None = Field(default=None, max_length=LOST_TEXT)


class Refused(Frozen):
    """A candidate of the present round that the screen refused, for its author to repair.

    Args:
        candidate: its id.
        text: what was proposed: a patch, or a reward spec.
        layer: the layer that refused it.
        reason: why, and what would be right.
    """

    candidate: str
    text: str = Field(max_length=TEXT)
    layer: str
    reason: str


class Known(Frozen):
    """A reward, a patch, or a pair of them that another run accepted and kept, for a role to begin with.

    Args:
        run: the name of the run's directory.
        candidate: its id there.
        task: its game with the settings that are not the game's defaults.
        effect: its gain in utility there.
        reward: the reward spec; None for a patch.
        source: the whole controller after the patch; None for a reward.
    """

    run: str = Field(max_length=200)
    candidate: str = Field(max_length=99)
    task: str = Field(max_length=300)
    effect: float
    reward: RewardSpec | None = None
    source: str | None = Field(default=None, max_length=TEXT)

    @property
    def origin(self) -> str:
        """What a proposal that is this entry names as its origin."""
        return f"{self.run}/{self.candidate}"


class Wish(Frozen):
    """A reward that a patcher wants beside its patch: what training should bring about, and what it must keep to."""

    objective: str = Field(min_length=1, max_length=WISH)
    constraints: tuple[Annotated[str, Field(max_length=WISH)], ...] = Field(default=(), max_length=CONSTRAINTS)


class Wished(Frozen):
    """A patcher's wish as a designer reads it: the candidate whose patch it goes with, that patch's diff, and the wish."""

    candidate: str
    diff: str = Field(max_length=TEXT)
    wish: Wish


class Tool(Frozen):
    """A `ToolkitFunction` on the wire."""

    name: str
    signature: str
    doc: str
    kind: Literal["moves", "move", "test", "measure", "other"]


class RewardRequest(Frozen):
    """Params of `reward.design`.

    If `refused` is not empty, the role is asked to repair: one proposal for each refused candidate, in their order. If
    `wishes` is not empty, it is asked to grant them: one proposal for each wish, in their order.

    Args:
        task: the game's name.
        mode: the round's mode.
        count: the number of proposals.
        seed: of the role's own randomness.
        diagnosis: what the incumbent does wrong.
        incumbent: the reward in use.
        features: a transition's features with what they mean.
        tried: earlier rewards and their fates, oldest first.
        refused: what is to be repaired.
        controller: the source of the controller in use.
        patched: the patches that were accepted and stand, oldest first.
        wishes: what patchers want of a reward beside their patches.
        library: what other runs accepted and no round of this one has proposed, the largest gain first.
    """

    task: str
    mode: Literal["reward_refresh", "bug_fix", "reward_patch", "meta_learn"]
    count: int = Field(ge=1, le=PROPOSALS)
    seed: int
    diagnosis: Diagnosis
    incumbent: RewardSpec
    features: dict[str, str]
    tried: tuple[Tried, ...] = ()
    refused: tuple[Refused, ...] = ()
    controller: str = ""
    patched: tuple[Tried, ...] = ()
    wishes: tuple[Wished, ...] = ()
    library: tuple[Known, ...] = ()


class RewardProposal(Frozen):
    """One proposed spec.

    `spec` is unchecked text on purpose: the screen parses it, and says why if it rejects it. `fault` says why the role itself
    knows that the text is no candidate, e.g. a reply that was cut off; the screen rejects it with that reason. `place` says
    which of the request's refused candidates or wishes it is for, counted from 0; by default it is its own place in the reply.
    `origin` is the `origin` of the library's entry that it is.
    """

    spec: str = Field(max_length=TEXT)
    rationale: str = Field(max_length=2000)
    fault: str | None = Field(default=None, max_length=300)
    place: int | None = Field(default=None, ge=0, lt=PROPOSALS)
    origin: str = Field(default="", max_length=ORIGIN)


class RewardReply(Frozen):
    """Result of `reward.design`: the proposals, and the replies that yielded none.

    `note` is a line for the record, such as why there are fewer proposals than were asked for.
    """

    proposals: tuple[RewardProposal, ...] = Field(max_length=PROPOSALS)
    lost: tuple[Lost, ...] = Field(default=(), max_length=PROPOSALS)
    note: str = Field(default="", max_length=NOTE)


class PatchRequest(Frozen):
    """Params of `patch.propose`: `source` is the controller in use, the other fields are as in `RewardRequest`.

    `reward` is the spec under which the policy was trained last, and `wishes` the number of wishes that the round will grant.
    """

    task: str
    mode: Literal["reward_refresh", "bug_fix", "reward_patch", "meta_learn"]
    count: int = Field(ge=1, le=PROPOSALS)
    seed: int
    diagnosis: Diagnosis
    source: str
    actions: tuple[str, ...]
    toolkit: tuple[Tool, ...]
    tried: tuple[Tried, ...] = ()
    refused: tuple[Refused, ...] = ()
    reward: RewardSpec = RewardSpec()
    wishes: int = Field(default=0, ge=0)
    library: tuple[Known, ...] = ()


class PatchProposal(Frozen):
    """One proposed patch: a unified diff, or a model's whole reply that contains one; the screen reads it.

    `reward` is an optional reward spec that comes with the patch. The policy is trained under that reward, and the gate
    judges both together. `wish` asks a designer for such a reward instead; if it is granted, the pair becomes a candidate
    beside the patch alone. The other fields are as in `RewardProposal`.
    """

    text: str = Field(max_length=TEXT)
    rationale: str = Field(max_length=2000)
    reward: str | None = Field(default=None, max_length=TEXT)
    wish: Wish | None = None
    fault: str | None = Field(default=None, max_length=300)
    place: int | None = Field(default=None, ge=0, lt=PROPOSALS)
    origin: str = Field(default="", max_length=ORIGIN)


class PatchReply(Frozen):
    """Result of `patch.propose`: the proposals, and the replies that yielded none; `note` as in `RewardReply`."""

    proposals: tuple[PatchProposal, ...] = Field(max_length=PROPOSALS)
    lost: tuple[Lost, ...] = Field(default=(), max_length=PROPOSALS)
    note: str = Field(default="", max_length=NOTE)


class DiagnoseRequest(Frozen):
    """Params of `critic.diagnose`: the measured facts, without findings, and what each cause of an end says of a player."""

    task: str
    facts: Diagnosis
    endings: dict[str, Ending] = Field(default_factory=dict)


class DiagnoseReply(Frozen):
    """Result of `critic.diagnose`: findings, heaviest first."""

    findings: tuple[Finding, ...] = Field(max_length=PROPOSALS)


METHODS: dict[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "reward.design": (RewardRequest, RewardReply),
    "patch.propose": (PatchRequest, PatchReply),
    "critic.diagnose": (DiagnoseRequest, DiagnoseReply),
}
"""Methods that a role may answer: name -> (params, result)."""

"""The tools with which a model works on one proposal, and what has come of them so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from ouroloop.agents.prompted.hints import ideas, toolkit_text
from ouroloop.agents.prompted.patches import mended
from ouroloop.agents.prompted.prompting import diagnosis_text
from ouroloop.agents.prompted.wishes import with_wish
from ouroloop.protocols.messages import Diagnosis, PatchRequest, Trial, Wish
from ouroloop.protocols.ports import Workshop
from ouroloop.protocols.text import counted, did_you_mean, plain_line


@dataclass(slots=True)
class Desk:
    """The work on one proposal: the tools, the last draft, and the best one that played.

    Args:
        request: what was asked for.
        index: the number of the proposal, from 0.
        budget: the most turns. A turn is a reply of the model.
        workshop: tries drafts; without one the first draft is the proposal.
    """

    request: PatchRequest
    index: int
    budget: int
    workshop: Workshop | None = None
    turns: int = 0
    over: bool = False
    """Whether the model has submitted."""
    draft: str = ""
    wish: Wish | None = None
    fault: str | None = None
    """Why the last draft is known to be none."""
    best: str | None = None
    best_wish: Wish | None = None
    best_facts: Diagnosis | None = None
    shown: Diagnosis = field(init=False)
    """The facts of the controller that played last, whose lost games can be looked at."""
    _tried: dict[str, int] = field(default_factory=dict)
    """Draft -> the turn in which it was tried."""

    def __post_init__(self) -> None:
        """Begin with the games of the controller in use."""
        self.shown = self.request.diagnosis

    @property
    def left(self) -> int:
        """The turns that are left; none after the model has submitted."""
        return 0 if self.over else self.budget - self.turns

    @property
    def utility(self) -> float:
        """The mean utility of the best draft."""
        return -1.0 if self.best_facts is None else self.best_facts.utility

    def read(self, text: str) -> tuple[str, Wish | None]:
        """Return a text as a draft in the form that the screen reads, and the wish in it."""
        bare, wish = with_wish(text, self.request.source)
        return mended(bare, [tool.name for tool in self.request.toolkit], self.request.source), wish

    async def attempt(self, draft: str, wish: Wish | None) -> str:
        """Screen a draft and let it play, and return what came of it; the best one is kept."""
        self.draft, self.wish, self.fault = draft, wish, None
        if self.workshop is None:
            self.over = True
            return "No draft can be tried here, so this one is the proposal."
        if draft in self._tried:
            return "You sent this draft before, so it is not tried again."
        if self.turns in self._tried.values():
            return "One draft is tried in a turn; send this one in the next."
        self._tried[draft] = self.turns
        return self._judged(await self.workshop.trial(self.index, self.turns, draft))

    def _judged(self, trial: Trial) -> str:
        if trial.facts is None:
            return f"The draft is refused (layer {trial.layer}): {trial.reason}"
        self.shown = trial.facts
        if trial.facts.utility > self.utility:
            self.best, self.best_wish, self.best_facts = self.draft, self.wish, trial.facts
        before = self.request.diagnosis
        return (
            f"The draft passes the screen and plays. {diagnosis_text(trial.facts)}\n"
            f"On the same games the controller in use has a mean score of {before.score:.2f}, utility {before.utility:.3f}; "
            f"the best draft so far has utility {self.utility:.3f}."
        )

    def ideas(self) -> str:
        """Return lines that the next draft could hold, other ones in each turn."""
        request = self.request
        lines = ideas(request.toolkit, len(request.actions), request.diagnosis.findings, self.index + self.turns)
        return f" Lines that another draft could hold:\n```python\n{lines}\n```" if lines else ""

    def look(self, game: int) -> tuple[str, tuple[str, ...]]:
        """Return how a game was lost, as text and as pictures; games count from 1."""
        if not 1 <= game <= len(self.shown.transcripts):
            return self._no_game(), ()
        return f"How game {game} was lost:\n{self.shown.transcripts[game - 1]}", self.shown.pictures[game - 1 : game]

    def oracle(self, game: int) -> str:
        """Return the oracle's regret of every move in the positions of a lost game, the best moves first."""
        if not self.shown.regrets:
            return "These lost games have no oracle."
        if not 1 <= game <= len(self.shown.regrets):
            return self._no_game()
        lines = [
            f"position {place}: " + ", ".join(f"{name} {regret:g}" for regret, name in sorted(self._rated(row)))
            for place, row in enumerate(self.shown.regrets[game - 1], 1)
        ]
        return "\n".join([f"The oracle's regret of every move in game {game} (0: best, 1: loses at once):", *lines])

    def _rated(self, regrets: tuple[float, ...]) -> list[tuple[float, str]]:
        return list(zip(regrets, self.request.actions, strict=False))

    def _no_game(self) -> str:
        games = len(self.shown.transcripts)
        return f"There {'is' if games == 1 else 'are'} {counted(games, 'lost game')}."

    def toolkit(self, name: str) -> str:
        """Return a toolkit function's signature, doc and use; those of all functions without a name."""
        tools, actions = self.request.toolkit, len(self.request.actions)
        if not name.strip():
            return toolkit_text(tools, actions)
        if found := [tool for tool in tools if tool.name == name.strip()]:
            return toolkit_text(found, actions)
        names = [tool.name for tool in tools]
        said = plain_line(name, 80)
        return f"The toolkit has no function {said}: {did_you_mean(said, names)}it has {', '.join(names)}."

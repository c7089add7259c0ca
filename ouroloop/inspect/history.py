"""A run as its states, one after the other: the start, every round, and every rollback by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ouroloop.inspect.document import Attribution, ByHand, Played, Round, RunDocument, Spec, Term


@dataclass(frozen=True, slots=True)
class State:
    """A state of the run, and how it came to be.

    Args:
        kind: what brought it about.
        round: its round; None for the start and for a rollback by hand.
        played: the build that played, with its measures; None before it has been scored.
        stands: whether that build is still among the accepted states.
        best: the highest mean score so far of a build that still stands, this one among them.
        reward: how the reward changed, in words.
        lines: the number of lines that patches removed and added.
        gain: the round's attribution; None if it has none.
        note: what was rolled back, now or since then; empty if nothing was.
    """

    kind: Literal["start", "round", "rollback"]
    round: int | None
    played: Played | None
    stands: bool
    best: float
    reward: str = "-"
    lines: int = 0
    gain: Attribution | None = None
    note: str = ""


def history(document: RunDocument) -> list[State]:
    """Return the states of a run, oldest first; none before the start has been scored."""
    start = document["start"]
    if start is None:
        return []
    best, rewards = start["score"]["mean"], Rewards(start["reward_spec"])
    states = [State("start", None, start, True, best, "baseline")]
    for entry in document["rounds"]:
        best = _best(best, entry)
        states.append(_of_round(entry, best, rewards))
        for back in rollbacks_after(document, entry["index"]):
            best = _best(best, back)
            states.append(State("rollback", None, back["incumbent"], back["stands"], best, note=rolled_back_by_hand(back)))
    return states


def _best(best: float, found: Round | ByHand) -> float:
    played = found["incumbent"]
    return max(best, played["score"]["mean"]) if played and found["stands"] else best


def _of_round(entry: Round, best: float, rewards: Rewards) -> State:
    accepted = [c for c in entry["candidates"] if c["verdict"] == "accepted"]
    lines = sum(patched_lines(c["diff"]) for c in accepted if c["diff"])
    specs = [c["reward"] for c in accepted if c["reward"]]
    change = "; ".join(rewards.become(spec) for spec in specs if "terms" in spec) or "-"
    return State(
        "round",
        entry["index"],
        entry["incumbent"],
        entry["stands"],
        best,
        change,
        lines,
        entry["attribution"],
        rolled_back_since(entry),
    )


def rolled_back_since(entry: Round) -> str:
    """Return which of a round's accepted candidates have been rolled back since; empty if none was."""
    back = [c["id"] for c in entry["candidates"] if c["verdict"] == "rolled_back"]
    return f"rolled back since: {', '.join(back)}" if back else ""


def rollbacks_after(document: RunDocument, round: int) -> Iterator[ByHand]:
    """Yield the rollbacks by hand between a round and the next."""
    return (back for back in document["by_hand"] if back["after"] == round)


def rolled_back_by_hand(back: ByHand) -> str:
    """Return what a rollback by hand took out, and why."""
    why = plain_line(back["reason"])
    said = f"rolled back {back['candidate']} by hand" + (f": {why}" if why != "by hand" else "")
    return "; ".join([said, *(f"with it {id}: {plain_line(why)}" for id, why in back["chain"].items())])


def patched_lines(diff: str) -> int:
    """Return how many lines a diff removes and adds."""
    return sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in diff.splitlines() if line)


class Rewards:
    """Tells how each accepted reward differs from the one before it."""

    def __init__(self, spec: Spec) -> None:
        """Start from a spec."""
        self._terms: dict[str, Term] = {term["name"]: term for term in spec["terms"]}
        self._gamma = float(spec["gamma_r"])
        self._loss = _loss(spec)

    def become(self, spec: Spec) -> str:
        """Move to the next spec; return what changed: terms added, dropped, raised or lowered, with their weights."""
        terms = {term["name"]: term for term in spec["terms"]}
        old, said = self._terms, []
        said += [f"add {name} {term['weight']:+g}" for name, term in terms.items() if name not in old]
        said += [f"drop {name}" for name in old if name not in terms]
        for name in terms.keys() & old.keys():
            now, before = terms[name]["weight"], old[name]["weight"]
            if now != before:
                said.append(f"{name} {'↑' if now > before else '↓'} {abs(now - before):g}")
            elif terms[name] != old[name]:
                said.append(f"{name} rewritten")
        gamma = float(spec["gamma_r"])
        if old and gamma != self._gamma:
            said.append(f"gamma_r {'↑' if gamma > self._gamma else '↓'} {abs(gamma - self._gamma):g}")
        loss = _loss(spec)
        apart = sorted(name for name in loss.keys() | self._loss.keys() if loss.get(name) != self._loss.get(name))
        said += [f"loss {name} {loss[name]:g}" if name in loss else f"loss {name} as in the recipe" for name in apart]
        self._terms, self._gamma, self._loss = terms, gamma, loss
        return ", ".join(sorted(said)) or "same terms, other schedule"


def _loss(spec: Spec) -> dict[str, float]:
    """Return what a spec changes of the loss."""
    return {name: float(value) for name, value in spec.get("loss", {}).items() if isinstance(value, int | float)}

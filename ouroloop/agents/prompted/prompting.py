"""Prompts: the `.md` files beside the roles, filled in with diagnosis and history."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from importlib.resources import files
from string import Template
from typing import Final

from ouroloop.agents.chat import Message
from ouroloop.agents.known import told
from ouroloop.protocols.messages import Diagnosis, Known, Refused, Tried

TERM: Final = "term "
"""How the figure of a reward's term begins in the figures of a training."""

REFUSALS: Final = 4
"""The own refusals that a history begins with."""


def conversation(name: str, values: dict[str, str]) -> list[Message]:
    """Return the system and the user message from `<name>.md`; a line of `---` separates the two.

    Raises:
        KeyError: the prompt names a value that was not given.
    """
    text = (files("ouroloop.agents.prompted") / f"{name}.md").read_text(encoding="utf-8")
    system, _, user = text.partition("\n---\n")
    return [
        {"role": "system", "content": Template(system).substitute(values).strip()},
        {"role": "user", "content": Template(user).substitute(values).strip()},
    ]


def repairing(asked: list[Message], refused: Refused) -> list[Message]:
    """Return a conversation that goes on with what was refused, and why."""
    again = f"This was refused (layer {refused.layer}): {refused.reason}\nCorrect that alone, and answer in the same form."
    return [*asked, {"role": "assistant", "content": refused.text}, {"role": "user", "content": again}]


def diagnosis_text(diagnosis: Diagnosis, games: int = 1) -> str:
    """Return a diagnosis as lines, with the first `games` lost games."""
    lines = [
        f"{diagnosis.games} games: mean score {diagnosis.score:.2f} [{diagnosis.score_low:.2f}, {diagnosis.score_high:.2f}], "
        f"utility {diagnosis.utility:.3f}, won {diagnosis.win_rate:.0%}",
        *(f"- {f.name} ({f.weight:.2f}): {f.evidence}" for f in diagnosis.findings),
    ]
    for transcript in diagnosis.transcripts[:games]:
        lines += ["How a game was lost:", transcript]
    return "\n".join(lines)


def history_text(tried: Iterable[Tried], most: int = 8, longest: int = 2000, *, rewards: bool = False) -> str:
    """Return some tries as blocks: verdict, effect, the first `longest` characters of the candidate, how training went.

    For a candidate of both kinds, the block shows its patch, or its reward if `rewards` is set. Of a refused candidate it shows
    what was proposed.
    """
    blocks = []
    for t in telling(tried)[:most]:
        effect = f", effect on utility {t.effect:+.4f}" if t.effect is not None else ""
        reward = t.reward.model_dump_json() if t.reward else ""
        what = ((reward or t.diff) if rewards else (t.diff or reward)) or t.text or ""
        trained = f"\n{training_text(t.training)}" if rewards and t.training else ""
        lost = "".join(f"\nHow it then lost a game:\n{game}" for game in t.transcripts[:1])
        blocks.append(
            f"Round {t.round}: {t.outcome} at {t.layer} ({t.reason}){effect}\n{what[:longest]}{trained}{lost}".strip()
        )
    return "\n\n".join(blocks) or "Nothing yet."


def telling(tried: Iterable[Tried]) -> list[Tried]:
    """Return tries in the order in which they teach.

    The role's own that never raced come first, but only its last few. What was accepted follows, and then the rest, the largest
    effect first. Among equals the newest is first.
    """
    newest = list(tried)[::-1]
    accepted = [t for t in newest if t.outcome != "rejected"]
    refused = [t for t in newest if t.outcome == "rejected" and t.own and t.effect is None]
    others = [t for t in newest if t.outcome == "rejected" and not (t.own and t.effect is None)]
    others.sort(key=lambda t: -math.inf if t.effect is None else t.effect, reverse=True)
    return [*refused[:REFUSALS], *accepted, *others, *refused[REFUSALS:]]


def known_text(known: Iterable[tuple[Known, str]], longest: int = 2000) -> str:
    """Return what other runs accepted as blocks that follow the history; empty if there is nothing."""
    return "".join(f"\n\nNot tried here, but {told(entry)}:\n{text[:longest].rstrip()}" for entry, text in known)


def training_text(training: Mapping[str, float]) -> str:
    """Return what each term of a reward paid in training, and what that means (after Eureka's reward reflection)."""
    paid = {name.removeprefix(TERM): value for name, value in training.items() if name.startswith(TERM)}
    whole = sum(abs(value) for value in paid.values())
    lines = [
        f"- {name}: mean return {value:+.3g}, {abs(value) / whole:.0%} of the pay{_meaning(abs(value) / whole, len(paid))}"
        for name, value in paid.items()
        if whole
    ]
    others = [f"{name} {training[name]:.3g}" for name in ("return_env", "gain", "kl", "entropy") if name in training]
    return "\n".join([f"Training: {', '.join(others) or 'no figures'}.", *lines])


def _meaning(share: float, terms: int) -> str:
    if terms > 1 and share > 0.9:
        return ": it outweighs all others, so give it less weight"
    return ": it hardly pays, so give it more weight or leave it out" if share < 0.02 else ""

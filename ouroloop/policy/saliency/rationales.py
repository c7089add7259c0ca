"""Reasons in words: a language base that plays says why it moved, and what it says is held against what the move did.

The reason comes after the move, so it explains a move that is already made. A base that was trained on moves alone has never
learned to give one; what it says then shows how much language it has left.

The check is lexical and knows no game. A text makes a *claim* where it names an action, or a feature of the reward language
(`approach` in "it approaches the food"). The claim of an action holds if that action was played, the claim of a feature if
the feature is above 0 in the transition; where the text denies it ("not trapped"), the other way round. A text without claims
is not wrong, but says nothing that can be checked. An action that is named as the worse choice counts as a false claim.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from ouroloop.policy.bases.player import evaluation
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.records import Observations

WHY: Final = "\n\n### Why:\nI moved"
"""What follows the move, in the form of the prompts' own headings. It does not name the move, which is a numeral so far."""
TOKENS: Final = 40
"""Most tokens of a reason."""
DENIALS: Final = frozenset(("no", "not", "never", "without", "avoid", "avoids", "avoiding", "nor", "isn't", "doesn't"))
NEAR: Final = 3
"""A denial counts for the words that follow it within this many."""
WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a reason says and that can be checked.

    Args:
        about: the action or the feature that it names.
        denied: whether the text says that it is not so.
        holds: whether the move bears it out.
    """

    about: str
    denied: bool
    holds: bool


@dataclass(frozen=True, slots=True)
class Rationale:
    """A reason for a move, and what of it can be checked."""

    text: str
    claims: tuple[Claim, ...]

    @property
    def agreement(self) -> float | None:
        """The share of claims that hold; None without any."""
        return sum(claim.holds for claim in self.claims) / len(self.claims) if self.claims else None


def rationales(
    policy: LanguagePolicy,
    observations: Observations,
    moves: NDArray[np.integer],
    actions: Sequence[str],
    features: Mapping[str, NDArray[np.float32]],
) -> list[Rationale]:
    """Ask a policy why it moved, and check what it says.

    Args:
        policy: a language base; a Snake-GPT knows no words.
        observations: B positions.
        moves: (B,) the moves.
        actions: the names of the game's actions.
        features: feature -> (B,) its value in the transitions that the moves made (`Engine.step_features`).

    Raises:
        UsageError: the policy's tokenizer has no words for a reason.
    """
    told = reasons(policy, observations, moves)
    values = [{name: float(column[row]) for name, column in features.items()} for row in range(len(told))]
    return [
        Rationale(text, tuple(claims_of(text, actions, int(move), transition)))
        for text, move, transition in zip(told, moves, values, strict=True)
    ]


def reasons(policy: LanguagePolicy, observations: Observations, moves: NDArray[np.integer]) -> list[str]:
    """Return a policy's reasons for B moves, one at a time, each the most probable text of at most `TOKENS` tokens.

    Raises:
        UsageError: the policy's tokenizer has no words for a reason.
    """
    tokenizer, (ids, mask) = policy.tokenizer, policy.encode(observations)
    suffix, told = _words(policy, WHY), []
    with evaluation(policy.model):
        for row, move in enumerate(moves):
            prompt = [*ids[row][mask[row]].tolist(), policy.actions[int(move)], *suffix]
            given = torch.tensor([prompt], device=policy.model.device)
            answer = policy.model.generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                max_new_tokens=TOKENS,
                do_sample=False,
                eos_token_id=policy.end,
                pad_token_id=policy.pad,
            )[0, len(prompt) :]
            told.append(str(tokenizer.decode(answer, skip_special_tokens=True)).split("\n\n")[0].strip())
    return told


def require_words(policy: LanguagePolicy) -> None:
    """Refuse a policy that cannot give reasons. Raises UsageError if its tokenizer has no words for them."""
    _words(policy, WHY)


def claims_of(text: str, actions: Sequence[str], move: int, transition: Mapping[str, float]) -> list[Claim]:
    """Return the claims of a reason, in the order of actions and features, each once.

    Args:
        text: the reason.
        actions: the names of the game's actions.
        move: the action that was played.
        transition: feature -> its value in the transition.
    """
    words = WORD.findall(text.lower())
    found = []
    for action, name in enumerate(actions):
        found += [Claim(name, denied, (action == move) != denied) for denied in _named(name, words)]
    for name, value in transition.items():
        found += [Claim(name, denied, (value > 0) != denied) for denied in _named(name, words)]
    return list({(claim.about, claim.denied): claim for claim in found}.values())


def _named(name: str, words: Sequence[str]) -> list[bool]:
    """Return, for each place where words name an action or a feature, whether they deny it.

    The words of `tail_reachable` stand side by side. A word may have another ending: `approach` is in "approaches".
    """
    parts = name.lower().split("_")
    places = [at for at in range(len(words) - len(parts) + 1) if all(map(_alike, parts, words[at : at + len(parts)]))]
    return [bool(DENIALS.intersection(words[max(0, at - NEAR) : at])) for at in places]


def _alike(part: str, word: str) -> bool:
    """Tell whether a word is another, or a form of it with an ending; short words have none."""
    return word == part or (len(part) > 4 and word.startswith(part) and len(word) - len(part) <= 3)


def _words(policy: LanguagePolicy, text: str) -> list[int]:
    """Return a text as ids. Raises UsageError if the policy's tokenizer does not know it."""
    tokenizer = policy.tokenizer
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    if tokenizer.unk_token_id in found or not tokenizer.decode(found).strip():
        raise UsageError(
            f"the policy for {policy.task} in the encoding {policy.encoding.name!r} knows no words, so it cannot say why: "
            "ask a language base (docs/policy.md)"
        )
    return found

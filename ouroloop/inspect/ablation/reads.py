"""Which settings a run reads. Two recipes that differ in other settings alone give the same run.

A test holds the table against real runs: it records what they read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ouroloop.agents.roles import ROLES
from ouroloop.protocols.canonical import sha256
from ouroloop.runs.beginning.eyes import names
from ouroloop.runs.beginning.perceiving import blind, encoder_kind

if TYPE_CHECKING:
    from ouroloop.runs.recipe import Recipe

Leaf: TypeAlias = tuple[str, ...]
Leaves: TypeAlias = dict[Leaf, object]
"""A recipe's settings by their keys, `("sft", "steps")`."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Settings that some runs do not read.

    Args:
        where: the beginning of their keys.
        why: why these runs do not read them.
        when: whether a recipe's run is one of these.
        but: what comes after `where` in keys that are read nevertheless.
    """

    where: Leaf
    why: str
    when: Callable[[Recipe], bool] = lambda recipe: True
    but: tuple[str, ...] = ()

    def covers(self, leaf: Leaf) -> bool:
        """Return whether a key is among these settings."""
        depth = len(self.where)
        return leaf[:depth] == self.where and (len(leaf) <= depth or leaf[depth] not in self.but)


def _given(recipe: Recipe) -> bool:
    return recipe.start.policy not in ("sft", "random")


def _no_encoder(recipe: Recipe, kind: str) -> bool:
    """Tell whether no encoder of a kind is trained for the run, as far as the recipe says."""
    return encoder_kind(recipe) != kind or _given(recipe) or names(recipe.eyes.encoder)


def _own_reader(recipe: Recipe) -> bool:
    return names(recipe.eyes.reader)


def _without_latents(recipe: Recipe) -> bool:
    return encoder_kind(recipe) is None or _given(recipe)


def _untrained(recipe: Recipe) -> bool:
    return not any(one.count for one in recipe.roles.reward_designer)


def _unshared(recipe: Recipe) -> bool:
    return all(len(recipe.roles.of(slot)) == 1 for slot in ROLES)


def _silent(recipe: Recipe) -> bool:
    return _untrained(recipe) or not any(one.count for one in recipe.roles.code_patcher)


NO_TRAINING: Final = "roles.reward_designer.count is 0, so no reward is proposed and nothing is trained"
OTHER_ENCODERS: Final = ("clip", "gemma", "vae")
"""The kinds of encoder beside the board reader."""
BLIND: Final = 'perception is "json" or "ascii", so nothing is seen'
NO_LATENTS: Final = "no policy that gets latents is made in this run"
UNREAD: Final = (
    Unread(("name",), "it only names the run"),
    Unread(("threads",), "it only decides how fast the run is"),
    Unread(("distill",), "only `ouroloop train distill` reads it"),
    Unread(("sft",), "start.policy is given, so no first policy is trained", _given),
    Unread(("sft",), 'start.policy is "random"', lambda r: r.start.policy == "random", ("shape", "encoding")),
    Unread(("sft", "shape"), "the policy is sft.base, which has its own shape", lambda r: bool(r.sft.base)),
    Unread(("sft", "shape"), "fusion.body has its own shape", lambda r: encoder_kind(r) is not None and bool(r.fusion.body)),
    Unread(("sft", "lora"), "sft.base is empty, and a Snake-GPT takes no adapter", lambda r: not r.sft.base),
    Unread(("sft", "encoding"), 'perception is "ascii", which has its own', lambda r: r.perception == "ascii"),
    Unread(("sft", "encoding"), "the policy gets latents instead of text", lambda r: encoder_kind(r) is not None),
    Unread(("eyes",), BLIND, blind),
    Unread(("eyes", "encoder"), NO_LATENTS, _without_latents),
    Unread(("eyes", "encoder"), "the policy gets the latents of eyes.reader", lambda r: encoder_kind(r) == "reader"),
    Unread(("eyes", "latents"), 'perception is not "vision-latent"', lambda r: r.perception != "vision-latent" or _given(r)),
    Unread(("camera",), BLIND, blind),
    Unread(("reader",), BLIND, blind),
    Unread(("reader",), "eyes.reader names a trained one", _own_reader),
    *(Unread((kind,), f"no {kind} is trained for this run", partial(_no_encoder, kind=kind)) for kind in OTHER_ENCODERS),
    Unread(("fusion",), NO_LATENTS, _without_latents),
    Unread(("fusion", "lora"), 'fusion.stage is not "lora", so there is no adapter', lambda r: r.fusion.stage != "lora"),
    Unread(("grpo",), NO_TRAINING, _untrained),
    Unread(("halving",), NO_TRAINING, _untrained),
    Unread(("salience",), NO_TRAINING, _untrained),
    Unread(("sharing",), "each slot of the recipe has one proposer, so nothing is shared", _unshared),
    Unread(("talk",), "one of roles.reward_designer and roles.code_patcher has count 0, so nobody talks", _silent),
    Unread(("sandbox_image",), 'sandbox is "wasm", which has no image', lambda r: r.sandbox == "wasm"),
)
CHAT: Final = ("base_url", "api_key_env", "temperature", "max_tokens", "usd_per_million_tokens")
"""A role's settings that only its chat model reads."""


def unread(recipe: Recipe) -> Iterator[Unread]:
    """Yield the settings that a recipe's run does not read."""
    yield from (row for row in UNREAD if row.when(recipe))
    for slot in ROLES:
        where, own = ("roles", slot.name), recipe.roles.of(slot)
        if slot.proposes is None:
            yield Unread((*where, "count"), f"the {slot.name} proposes nothing")
        elif not any(one.count for one in own):
            yield Unread(where, f"roles.{slot.name}.count is 0, so the role is never asked", but=("count",))
        if all(one.model is None for one in own):
            yield from (Unread((*where, key), f"roles.{slot.name} asks no chat model") for key in CHAT)


def leaves(recipe: Recipe) -> Leaves:
    """Return all settings of a recipe but the seed. The start's files count by their content."""
    found = dict(_leaves(recipe.model_dump(mode="json", exclude={"seed"}), ()))
    for key in (("start", "controller"), ("start", "reward")):
        path = found[key]
        if isinstance(path, str) and Path(path).is_file():
            found[key] = sha256(Path(path).read_bytes())
    return found


def _leaves(tree: Mapping[str, Any], where: Leaf) -> Iterator[tuple[Leaf, object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*where, key))
        else:
            yield (*where, key), value


def read(recipe: Recipe) -> Leaves:
    """Return the settings that a recipe's run reads, but for the seed."""
    rows = list(unread(recipe))
    return {leaf: value for leaf, value in leaves(recipe).items() if not any(row.covers(leaf) for row in rows)}


def why_same(one: Recipe, other: Recipe) -> str | None:
    """Return why two recipes give the same run, seed by seed; None if their runs can differ."""
    if read(one) != read(other):
        return None
    a, b = leaves(one), leaves(other)
    apart = [leaf for leaf in sorted(a.keys() | b.keys()) if a.get(leaf) != b.get(leaf)]
    if not apart:
        return "they are the same settings"
    reasons = {row.why: ".".join(leaf) for row in unread(one) for leaf in apart if row.covers(leaf)}
    return "; ".join(f"a run of this recipe does not read {leaf}: {why}" for why, leaf in reasons.items())

"""Bases: language models that were made for other purposes, trained to play either as they are or by an adapter.

- `load_base(name_or_dir, task, ...)`: any causal language model from Hugging Face as a `Base`, which is a
  `language.LanguagePolicy`; with LoRA, or QLoRA on 8- or 4-bit weights.
- `save_policy`, `open_policy`: policy directories, of bases and of Snake-GPT alike.
- `train_in_float32`: for trainings by TRL, which would round adapters.
- `HfPolicy`: plays any `LanguagePolicy` in this process; `player_of` picks the faster `LocalPolicy` for Snake-GPT.
"""

from __future__ import annotations

from ouroloop.policy.bases.adapter import train_in_float32
from ouroloop.policy.bases.base import Base
from ouroloop.policy.bases.directory import open_policy, save_policy
from ouroloop.policy.bases.loading import fast_dtype, load_base
from ouroloop.policy.bases.origin import Origin
from ouroloop.policy.bases.player import HfPolicy, player_of

__all__ = [
    "Base",
    "HfPolicy",
    "Origin",
    "fast_dtype",
    "load_base",
    "open_policy",
    "player_of",
    "save_policy",
    "train_in_float32",
]

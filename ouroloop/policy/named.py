"""A policy by its name or directory, loaded and ready to play."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.policy.shipped import find_policy

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Policy


def load_policy(name: str | Path) -> Policy:
    """Return a policy that plays: `logits(observations)` gives (B, A) float32; higher is better.

    Args:
        name: a policy that ships with the package, e.g. `snake-gpt-6x6`, or the directory of any policy, Snake-GPT or a base.

    Raises:
        UsageError: there is no such policy (the message lists the shipped names), or the directory is damaged.
        SurroundingsError: the policy is an adapter whose base is not on this machine.
    """
    from ouroloop.policy.bases import open_policy, player_of

    policy: Policy = player_of(open_policy(find_policy(str(name))))
    return policy

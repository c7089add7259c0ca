"""Changes of the loss that a reward trains under: one knob at a time, chosen by what the findings say of the training."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from ouroloop.protocols.messages import Finding
from ouroloop.protocols.records import Loss

VALUES: Final[dict[str, tuple[float, ...]]] = {
    "beta": (0.002, 0.005, 0.02, 0.05, 0.1),
    "entropy": (0.0, 0.001, 0.003, 0.01),
    "epsilon_low": (0.1, 0.2, 0.3),
    "epsilon_high": (0.2, 0.28, 0.4),
}
"""Setting -> the values that are tried, from small to large."""
REMEDIES: Final = {
    "kl_high": ("beta", 0.05),
    "entropy_low": ("entropy", 0.003),
    "clip_fraction_high": ("epsilon_high", 0.2),
    "zero_variance": ("entropy", 0.001),
}
"""Finding about a training -> the setting that answers it, and the least (`epsilon_high`: the most) value that does."""


def adjusted(loss: Loss, findings: Sequence[Finding], random: random.Random) -> tuple[Loss, str]:
    """Return a loss with one setting changed, and one line that says which.

    A finding about the training has its remedy tried half of the time; otherwise any setting is drawn.
    """
    named = [REMEDIES[finding.name] for finding in findings if finding.name in REMEDIES]
    if named and random.random() < 0.5:
        name, bound = named[0]
        fit = [value for value in VALUES[name] if (value <= bound if name == "epsilon_high" else value >= bound)]
    else:
        name = random.choice(sorted(VALUES))
        fit = list(VALUES[name])
    fit = [value for value in fit if value != getattr(loss, name)]
    if not fit:  # the remedy is in use already
        name = random.choice(sorted(VALUES.keys() - {name}))
        fit = [value for value in VALUES[name] if value != getattr(loss, name)]
    value = random.choice(fit)
    return loss.model_copy(update={name: value}), f"the loss with {name} {value:g}"

"""What is known of a decided candidate: its effect, the bound that decided, and the way back after a rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.protocols.text import shell_word

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.inspect.document import Candidate


def effect_lines(found: Candidate) -> list[str]:
    """Return a candidate's effect: on fresh games first, then in its race, with the bound that decided."""
    lines: list[str] = []
    if found["acceptance"] is not None and found["verdict"] == "rolled_back":
        lines.append(f"it had been accepted: {found['acceptance']}")
    for name, effect in (("on fresh games", found["fresh"]), ("in its race", found["effect"])):
        if effect is not None:
            interval = f"95 % interval [{effect['low']:+z.3f}, {effect['high']:+z.3f}]"
            lines.append(f"{name}: utility {effect['utility']:+z.4f}, {interval}, {effect['games']} pairs of games")
    if found["acceptance"] is None or found["effect"] is None:
        return lines
    lines[-1] += "; too high on average, because the race stopped when it was high"
    if found["bound"] is not None and found["alpha"] is not None:
        shown = f"the gain is above {found['bound']:+z.4f} at level {found['alpha']:.3g}"
        lines.append(f"accepted by a one-sided test: {shown}")
        if found["effect"]["low"] <= 0:
            lines.append("the 95 % interval holds 0 because it is two-sided, and half of its capital is on other bets")
    return lines


def way_back(folder: Path, found: Candidate) -> list[str]:
    """Return how a candidate of the run in `folder` can be accepted again after a rollback: only by another race."""
    made = found["made"]
    if found["verdict"] != "rolled_back" or made is None:
        return []
    parts = {"policy": made["policy"], "reward": made["reward"], "controller": made["controller"]}
    start = " ".join(f"--set start.{part}={shell_word(folder / 'artifacts' / digest)}" for part, digest in parts.items())
    return [
        "it comes back only through the gate: propose it for the next round with "
        f"`ouroloop propose {shell_word(folder)} --again {shell_word(found['id'])}`",
        f"or begin another run with the build that it made: `ouroloop run RECIPE {start}`",
    ]

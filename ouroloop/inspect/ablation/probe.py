"""The probe of a finished run: its last incumbent plays a few fresh games with instruments.

It tells apart where a decision went wrong: in reading the position, in the plan, or in the move itself. And it takes the time
of single decisions and the memory of the process, which plays nothing else. Its games come from a stream of their own that
follows from the recipe's seed alone, so all arms of a seed play the same ones.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import Field, ValidationError

from ouroloop.atomic import whole_file
from ouroloop.inspect.ablation.document import FIGURES, Probed
from ouroloop.inspect.ablation.instruments import peak_memory_mb, play, single_decisions
from ouroloop.ledger.parts import read_file
from ouroloop.protocols.errors import LedgerError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.seeds import derived_seed, game_seeds
from ouroloop.runs.players import close
from ouroloop.runs.seeds import recipe_seed

if TYPE_CHECKING:
    from ouroloop.runs.context import Run
    from ouroloop.runs.players import Player
    from ouroloop.runs.progress import Progress

PROBE: Final = "probe.json"
"""Its file in the run directory."""
MOST_BYTES: Final = 1 << 16


class Found(Frozen):
    """What a probe found. Shares are of the decisions in all games, unless it says otherwise.

    Args:
        digest: of the run as it was probed.
        games: games played.
        decisions: moves asked for in them.
        read_errors: share in which the player saw something else than is there: by what a policy with eyes tells of the board,
            otherwise by what perception put in its place. None if neither can be compared.
        reason_errors: share of the decisions on rightly read positions whose move the oracle regrets, though it does not lose
            at once. None without an oracle.
        reason_regret: mean regret of these moves; None if there are none.
        act_errors: share in which the controller failed, or the move lost at once on a rightly read position.
        tokens_per_decision: of the policy's prompt; a token of latents counts as one. None if it reads no tokens.
        decisions_per_s: in the games, which advance together; engine and oracle are not counted.
        latency_p50_ms: the median of a single decision's time.
        latency_p95_ms: the 95th percentile.
        memory_mb: the largest resident memory of a process that does nothing but play the probe.
    """

    digest: str
    games: int = Field(ge=0)
    decisions: int = Field(ge=0)
    read_errors: float | None = None
    reason_errors: float | None = None
    reason_regret: float | None = None
    act_errors: float | None = None
    tokens_per_decision: float | None = None
    decisions_per_s: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    memory_mb: float | None = None


def read_probe(folder: Path, digest: str, games: int) -> Found | None:
    """Return what a probe of a run found; None if it was not probed as it is now, or with another number of games."""
    with suppress(FileNotFoundError, LedgerError, ValidationError):
        found = Found.model_validate_json(read_file(folder / PROBE, MOST_BYTES))
        if (found.digest, found.games) == (digest, games):
            return found
    return None


def columns_of(folder: Path, digest: str, games: int) -> Probed:
    """Return the figures of a run's probe, all None if there is none."""
    found = read_probe(folder, digest, games)
    columns: Probed = {figure: getattr(found, figure, None) for figure in FIGURES}  # type: ignore[assignment]
    return columns


def probe(folder: Path, games: int, progress: Progress) -> None:
    """Probe a finished run and keep what is found beside it. This process should do nothing else.

    Raises:
        OuroloopError: the run cannot be opened, or its parts cannot play.
    """
    from ouroloop.policy.snake_gpt import threads
    from ouroloop.runs.beginning.eyes import open_eyes
    from ouroloop.runs.lifecycle import opened

    threads(1)
    with opened(folder, progress) as run:
        open_eyes(run)
        player = run.players.open_or_none(run.incumbent())
        try:
            found = _probed(run, player, games)
        finally:
            close(player)
    with whole_file(folder / PROBE) as half:
        half.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _probed(run: Run, player: Player | None, games: int) -> Found:
    """Let the player play; one that cannot even be loaded decides nothing."""
    digest = run.ledger.digest()
    if player is None:
        return Found(digest=digest, games=games, decisions=0, act_errors=1.0)
    seed = recipe_seed(run.recipe)
    times = single_decisions(run.task, player, derived_seed(seed, "probe"))  # first, since it warms up
    tally = play(run.task, player, np.array(game_seeds(seed, "eval", 0, games), dtype=np.uint64))
    p50, p95 = (float(np.percentile(times, share)) * 1e3 for share in (50, 95)) if len(times) else (None, None)
    return Found(
        digest=digest,
        games=games,
        decisions=tally.decisions,
        read_errors=tally.read_errors,
        reason_errors=tally.reason_errors,
        reason_regret=tally.reason_regret,
        act_errors=tally.share(tally.acted_wrongly),
        tokens_per_decision=tally.tokens_per_decision,
        decisions_per_s=tally.decisions / tally.seconds if tally.seconds else None,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        memory_mb=peak_memory_mb(),
    )

"""How many boards a run's players have read, and how many exactly: notes for people, which no decision depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.ledger.steps.sight import SeenBoards, note_seen

if TYPE_CHECKING:
    from ouroloop.runs.context import Run


class Tally:
    """Notes what has been read since the last note."""

    def __init__(self, run: Run) -> None:
        """Begin to count."""
        self._run, self._noted = run, (0, 0, 0)

    def note(self) -> None:
        """Note the boards read since the last time, if there are any."""
        found = getattr(self._run.players.perceive, "sight", None)
        if found is None:
            return
        now = (found.boards, found.exact, found.repaired)
        since = [new - old for new, old in zip(now, self._noted, strict=True)]
        if since[0] > 0:
            note_seen(self._run.ledger, SeenBoards(*since))
            self._noted = now

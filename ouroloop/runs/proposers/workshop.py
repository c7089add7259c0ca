"""The workshop: lets a proposer try drafts before it proposes, on the search games on which its round was observed.

No gate seed and no score of the gate is among what it tells. Every trial is a step, so a resumed run repeats none. All
workshops of a run try one draft at a time, since `Players` serves one thread at a time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroloop.ledger.steps import propose as steps
from ouroloop.protocols.errors import CandidateFault, ModelError
from ouroloop.protocols.messages import Trial
from ouroloop.runs import seeds
from ouroloop.runs.proposers.checking import checked
from ouroloop.runs.proposers.facts import facts_of
from ouroloop.sheltered import Fault, sheltered

if TYPE_CHECKING:
    from ouroloop.runs.context import Run

MOST = 64
"""The most trials for one proposal."""


class RunWorkshop:
    """Tries the drafts of one question's proposals, one after the other, apart from the thread of who asks for it."""

    def __init__(self, run: Run, round: int, question: str) -> None:
        """Try for a question, which its key names."""
        self._run, self._round, self._question = run, round, question
        self._busy = threading.Lock()
        self._over = False
        self._asked, self._since, self._ended = 0, 0.0, 0.0

    @property
    def seconds(self) -> float:
        """The time so far in which trials were under way, or waited for their turn; see `ports.Workshop`."""
        return self._ended + (time.monotonic() - self._since if self._asked else 0.0)

    async def trial(self, place: int, number: int, draft: str) -> Trial:
        """Return what the screen says of a draft, and how it plays; see `ports.Workshop`."""
        with self._timed():
            return await asyncio.to_thread(self._trial, place, number, draft)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Count the time of a trial; the time of several at once counts once."""
        if not self._asked:
            self._since = time.monotonic()
        self._asked += 1
        try:
            yield
        finally:
            if self._asked == 1:
                self._ended += time.monotonic() - self._since
            self._asked -= 1

    def _trial(self, place: int, number: int, draft: str) -> Trial:
        with self._busy, self._run.players.lock:
            if self._over or not 0 < number <= MOST:
                raise ModelError("the draft is not tried: its question is over, or it has been tried too often")
            key = steps.trial(self._question, place, number)
            return key.once(self._run.ledger, {"draft": draft}, lambda: self._tried(draft))

    def close(self) -> None:
        """Try nothing from now on; a trial under way ends first."""
        with self._busy:
            self._over = True

    def _tried(self, draft: str) -> Trial:
        from ouroloop.policy.play import play_traced

        run, build = self._run, self._run.incumbent()
        games = seeds.observation(run.recipe.gate, self._round)
        try:
            source = checked(run, draft, build).source
            session = run.players.sandbox.open(source)
        except CandidateFault as fault:
            return Trial(layer=fault.layer, reason=fault.reason)
        try:
            numbers = np.array(run.players.seeds(games), dtype=np.uint64)
            policy = run.players.policy(build.policy)
            trace = play_traced(run.task, policy, numbers, session=session, perceive=run.players.perceive)
        except CandidateFault as fault:
            return Trial(layer=fault.layer, reason=fault.reason)
        finally:
            session.close()
        run.progress.games(games.count)
        return Trial(facts=facts_of(run.task, trace, pictures=run.recipe.roles.see), played=games.count)


@contextmanager
def lent(role: Any, workshop: RunWorkshop | None) -> Iterator[None]:
    """Lend a workshop to a role that has a place for one (an attribute `workshop`), for one question."""
    if workshop is None:
        yield
        return
    _place(role, workshop)
    try:
        yield
    finally:
        workshop.close()
        _place(role, None)


def _place(role: Any, workshop: RunWorkshop | None) -> None:
    def place() -> None:
        if hasattr(role, "workshop"):
            role.workshop = workshop

    with suppress(Fault):
        sheltered(place)

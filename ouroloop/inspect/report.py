"""`RunReport`: a run for use from Python, with its tables as pandas frames. `Report` reads the ledger for it."""

from __future__ import annotations

import difflib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ouroloop.inspect.document import candidates, tally
from ouroloop.inspect.evidence import verdict_of
from ouroloop.inspect.run import Report
from ouroloop.inspect.tables import candidates_frame, history_frame, incumbent_row, rounds_frame
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from ouroloop.inspect.document import Candidate, RunDocument
    from ouroloop.protocols.ports import Policy
    from ouroloop.protocols.records import Verdict


def open_run(path: str | Path) -> RunReport:
    """Return a report of a run directory as it is now. This changes nothing and runs none of its code.

    You can also read a run that is still working; open it again to see its progress.

    Raises:
        UsageError: the path is not a run directory.
        LedgerError: its ledger is damaged.
    """
    with closing(Report(Path(path))) as report:
        return RunReport(Path(path), report.document())


class RunReport:
    """A run at the time when it was read.

    Attributes:
        path: the run directory.
        name: its name.
        status: `running`, `done`, `stopped` or `failed`; `ouroloop.run` continues a stopped run.
        digest: SHA-256 over all steps; runs with equal recipe and seed have equal digests.
        seed: the run's seed.
    """

    def __init__(self, path: Path, document: RunDocument) -> None:
        """Keep a run's document (`show --json`); `open_run` reads it."""
        self.path, self._document = path, document
        self.name, self.status = document["run"], document["status"]
        self.digest, self.seed = document["digest"], document["seed"]

    def __repr__(self) -> str:
        """Summarize the run in one line."""
        found = tally(candidates(self._document))
        first, now = self._document["start"], self._document["incumbent"]
        change = f", score {first['score']['mean']:.1f} -> {now['score']['mean']:.1f}" if first and now else ""
        back = f", rolled back {found.rolled_back}" if found.rolled_back else ""
        counts = f"rounds {len(self._document['rounds'])}, accepted {found.accepted} of {found.candidates} candidates{back}"
        return f"RunReport({self.name}: {self.status}, {counts}{change})"

    @property
    def rounds(self) -> pd.DataFrame:
        """One row per round: its mode and why, what became of its candidates, and who earned the gain.

        `accepted` counts all that the gate accepted, and `rolled_back` those of them that were rolled back since.
        """
        return rounds_frame(self._document)

    @property
    def candidates(self) -> pd.DataFrame:
        """One row per candidate, in the order proposed: round, id, kind, role, verdict, the layer that decided, evidence."""
        return candidates_frame(self._document)

    @property
    def history(self) -> pd.DataFrame:
        """One row per state of the run: score with bounds, what changed, content hashes.

        `kind` is `start`, `round` or, for a rollback by hand, `rollback`. Only rows of rounds have a `round`.
        """
        return history_frame(self._document)

    @property
    def incumbent(self) -> pd.Series[Any]:
        """The build that plays now, in the columns of `history`; it may be older than the last round, after a rollback.

        Raises:
            UsageError: the run has no start yet.
        """
        now = incumbent_row(self._document)
        if now is None:
            raise UsageError(f"run {self.name} has no start yet: continue it first, with ouroloop.run or `ouroloop resume`")
        return now

    def verdict(self, id: str) -> Verdict:
        """Return a candidate's verdict: the outcome, the layer that decided, and all the evidence of `show --candidate`.

        Raises:
            UsageError: the run has no such candidate, or has not decided on it yet.
        """
        found = self._candidate(id)
        if found["verdict"] == "pending":
            raise UsageError(f"candidate {id} of run {self.name} has no verdict yet: the run is in the middle of its round")
        return verdict_of(found, found["verdict"])

    def diff(self, a: str, b: str) -> str:
        """Return the unified diff from a's controller (or reward) to b's; either can be `start`.

        Raises:
            UsageError: a candidate does not exist or did not pass the screen, or one is a patch and the other a reward.
        """
        with closing(Report(self.path)) as report:
            old, new = report.pair(a, b)
        return "".join(difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), a, b))

    def controller(self) -> str:
        """Return the source of the controller that plays now. Raises UsageError if the run has no start yet."""
        with closing(Report(self.path)) as report:
            return report.store.text(self.incumbent["controller"])

    def policy(self) -> Policy:
        """Return the policy that plays now, loaded. Raises UsageError if the run has no start yet."""
        from ouroloop.policy.named import load_policy

        with closing(Report(self.path)) as report:
            return load_policy(report.store.directory(self.incumbent["policy"]))

    def _candidate(self, id: str) -> Candidate:
        found = {c["id"]: c for c in candidates(self._document)}
        if id not in found:
            raise UsageError(f"run {self.name} has no candidate {id!r}; it has {', '.join(found) or 'none yet'}")
        return found[id]

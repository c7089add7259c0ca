"""Errands in child processes: side by side, with their progress and their errors, and none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from ouroloop.inspect.ablation.abreast import Errand, run_abreast
from ouroloop.protocols.errors import CandidateFault, SurroundingsError, UsageError
from ouroloop.runs.progress import Progress, Quiet


class Kept(Quiet):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(notes=False)
        self.notes, self.shown, self.played, self.tokens = [], [], 0, 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def advance(self, what: str, fraction: float, detail: str = "") -> None:
        self.shown.append((what, fraction, detail))

    def games(self, count: int) -> None:
        self.played += count

    def used(self, tokens: int, cost_usd: float) -> None:
        self.tokens = tokens


def meets(mine: Path, theirs: Path, progress: Progress) -> None:
    """Wait for another errand, which must run at the same time."""
    progress.phase(1, 2, "gate")
    mine.touch()
    for _ in range(600):
        if theirs.exists():
            break
        time.sleep(0.1)
    assert theirs.exists()
    progress.note("met")
    progress.games(3)
    progress.used(50, 0.0)


def fails(error: type[Exception], progress: Progress) -> None:
    raise CandidateFault("ast", "no") if error is CandidateFault else error("what to do")


def dies(progress: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stays(place: Path, progress: Progress) -> None:
    """Write the process id, and stay until asked to stop, which is told; then stay on, if the place says so."""
    (place.parent / f"{place.name}.pid").write_text(str(os.getpid()))
    try:
        time.sleep(300)
    except KeyboardInterrupt:
        (place.parent / f"{place.name}.asked").touch()
        raise


def test_two_at_a_time_with_progress(tmp_path):
    a, b, progress, begun = tmp_path / "a", tmp_path / "b", Kept(), []
    errands = [Errand("one", partial(meets, a, b)), Errand("two", partial(meets, b, a))]
    run_abreast(errands, 2, progress, "runs", begins=lambda place, done: begun.append((place, done)))
    assert begun == [(0, 0), (1, 0)]
    assert sorted(progress.notes) == ["one: met", "two: met"]
    assert (progress.played, progress.tokens) == (6, 100)
    assert any("one: round 1 of 2, gate" in detail for _, _, detail in progress.shown)
    assert progress.shown[-1] == ("runs", 1.0, "")


@pytest.mark.parametrize(
    ("work", "kind", "said", "code"),
    [
        (partial(fails, UsageError), UsageError, "what to do", 2),
        (partial(fails, CandidateFault), Exception, "ast: no", 1),
        (dies, SurroundingsError, "killed (signal 9", 3),
        (partial(fails, ZeroDivisionError), Exception, "ended with exit code 1", 1),
    ],
    ids=["bad input", "a fault", "killed", "a bug"],
)
def test_a_failure_is_the_parents_and_ends_the_others(work, kind, said, code, tmp_path):
    broke = []
    errands = [Errand("fails", work), Errand("stays", partial(stays, tmp_path / "s"))]
    with pytest.raises(kind) as caught:
        run_abreast(errands, 2, Kept(), "runs", breaks=lambda place, failed: broke.append((place, failed)))
    assert said in str(caught.value)
    assert caught.value.exit_code == code
    assert sorted(broke) == [(0, True), (1, False)]
    assert not alive(tmp_path / "s.pid")


def test_a_failure_that_is_borne_stops_nobody(tmp_path):
    borne, progress = [], Kept()
    errands = [Errand("fails", partial(fails, UsageError)), Errand("meets", partial(meets, tmp_path / "a", tmp_path / "a"))]
    run_abreast(errands, 1, progress, "probes", fails=lambda place, error: borne.append((place, str(error))))
    assert borne == [(0, "what to do")]
    assert progress.notes == ["meets: met"]


PARENT = """
import sys
from functools import partial
from pathlib import Path
from ouroloop.inspect.ablation.abreast import Errand, run_abreast
from ouroloop.runs.progress import Quiet
from tests.inspect.ablation.test_abreast import stays
if __name__ == "__main__":
    run_abreast([Errand("s", partial(stays, Path(sys.argv[1]) / "s"))], 1, Quiet(), "runs")
"""


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGKILL])
def test_children_end_with_their_parent(signal_, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # so that the script finds this module
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stderr=subprocess.DEVNULL, start_new_session=True, env=here
    )
    wait_for(lambda: (tmp_path / "s.pid").exists() and (tmp_path / "s.pid").read_text())
    os.killpg(parent.pid, signal_) if signal_ == signal.SIGINT else parent.kill()
    parent.wait(180)
    wait_for(lambda: not alive(tmp_path / "s.pid"))
    assert (tmp_path / "s.asked").exists() == (signal_ == signal.SIGINT), "on Ctrl-C, which reaches both, the parent asks"


def alive(file: Path) -> bool:
    """Return whether the process whose id a file holds still works; one that nobody has waited for does not."""
    if not file.exists():
        return False
    try:
        return ") Z " not in Path(f"/proc/{file.read_text()}/stat").read_text()
    except FileNotFoundError:
        return False


def wait_for(met) -> None:
    for _ in range(600):
        if met():
            return
        time.sleep(0.1)
    pytest.fail("it never happened")

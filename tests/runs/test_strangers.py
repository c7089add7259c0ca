"""Run directories from strangers: no command runs their code, changes anything outside them, hangs, or fails without a word."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer

import pytest

from ouroloop.cli.main import call
from ouroloop.ledger.lock import is_running, locked
from ouroloop.ledger.sqlite import Ledger
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Progress, Quiet
from ouroloop.runs.recipe import Recipe, identity
from ouroloop.runs.trust import agree, reaches, remember
from tests.runs.fuzz_ledger import fuzz_documents, fuzz_files, fuzz_rows
from tests.runs.small_run import document, micro
from tests.runs.tampering import FINE, TABLE, Bait, bystander, edit, module

SECONDS = 240
"""Far more than any command needs on a busy machine; one that hangs reaches it."""


@contextmanager
def in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"no end after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tree(folder: Path) -> dict[str, str]:
    """Return what a directory holds: the kind of every path, and the content of every file."""
    found = {}
    for where, folders, files in os.walk(folder):
        for path in (Path(where, name) for name in (*folders, *files)):
            state = path.lstat()
            plain = path.is_file() and not path.is_symlink() and state.st_size < 1 << 28
            found[str(path)] = f"{state.st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest() if plain else state.st_size}"
    return found


class Session:
    """Calls commands, and keeps what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> tuple[int, str, str]:
        with in_time():
            code = call([str(word) for word in words])
        out, err = self._capsys.readouterr()
        errors = [line for line in err.splitlines() if "error: " in line]
        assert (code, len(errors)) in ((0, 0), (2, 1)), err
        return code, out, err

    def expect(self, said: str, *words: object) -> None:
        """Call a command that must work (`FINE`), or say one line that holds a text."""
        code, out, err = self(*words)
        if said == FINE:
            assert code == 0, err
            return
        assert code == 2, (out, err)
        assert said in next(line for line in err.splitlines() if "error: " in line)


@pytest.fixture
def session(capsys: pytest.CaptureFixture[str]) -> Session:
    return Session(capsys)


@pytest.fixture
def bait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bait:
    (tmp_path / "code").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Bait(tmp_path / "code" / "canary", bystander(tmp_path / "bystander"))


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, beside another one that nobody tampers with."""
    for name in ("good", "odd"):
        shutil.copytree(finished, tmp_path / "runs" / name)
    return tmp_path / "runs" / "odd"


def accepted(finished: Path) -> str:
    return next(c["id"] for r in document(finished)["rounds"] for c in r["candidates"] if c["verdict"] == "accepted")


@pytest.mark.parametrize("name", TABLE)
def test_a_tampered_run_directory_does_nothing_and_is_told_in_one_line(
    name: str, copy: Path, bait: Bait, session: Session, finished: Path
) -> None:
    candidate = accepted(finished)
    tamper, shown, resumed = TABLE[name]
    tamper(copy, bait)
    outside, inside = tree(bait.bystander), tree(copy)
    code, out, _ = session("list", copy.parent, "--json")
    rows = {row["run"]: row for row in json.loads(out)}
    assert (code, rows["good"]["status"], rows["good"]["fault"]) == (0, "done", None)
    assert rows["odd"]["fault"] is None if shown == FINE else shown in rows["odd"]["fault"]
    session.expect(shown, "show", copy)
    session("diff", copy, "start", candidate)
    assert tree(copy) == inside
    session.expect(resumed, "resume", copy)
    session("rollback", copy, candidate)
    assert not bait.canary.exists()
    assert tree(bait.bystander) == outside


@pytest.mark.parametrize("trust", [False, True])
def test_code_of_a_recipe_is_imported_only_with_consent(trust: bool, copy: Path, bait: Bait, session: Session) -> None:
    edit(copy, "roles.critic", {"use": f"{module(bait)}:Role"})
    with closing(Ledger(copy / "ledger.sqlite")) as ledger:
        ledger.set_meta("recipe", identity(lifecycle.read_recipe(copy)))
    code, _, err = session("resume", copy, *(["--trust"] if trust else []))
    assert code == 2
    assert "critic imports evil_of_a_stranger:Role" in err
    assert bait.canary.exists() == trust


def test_what_a_user_began_is_agreed_to_and_said(tmp_path: Path, bait: Bait, session: Session) -> None:
    roles = Path(__file__).with_name("scripted_roles.py")
    lifecycle.create(micro(f"roles.code_patcher.use={roles}:BrokenPatcher"), tmp_path / "r", Quiet(notes=False))
    said = f"code_patcher imports {roles}:BrokenPatcher"
    assert agree(tmp_path / "elsewhere", lifecycle.read_recipe(tmp_path / "r", unopened=True), trust=False) == [said]
    with lifecycle.opened(tmp_path / "r", Quiet()):
        assert f"ouroloop: recipe: {said}" in session._capsys.readouterr().err
    edit(tmp_path / "r", "roles.code_patcher", {"use": f"{roles}:HostilePatcher"})
    session.expect("code_patcher imports", "resume", tmp_path / "r")


def test_a_model_on_this_machine_is_said_to_get_no_key() -> None:
    assert reaches(micro("roles.code_patcher={model = 'local:smollm2-135m'}")) == ["code_patcher asks local:smollm2-135m"]


@pytest.mark.parametrize(("sandbox", "said"), [("docker", 1), ("auto", 1), ("wasm", 0)])
def test_an_image_that_candidates_run_in_is_agreed_to(sandbox: str, said: int) -> None:
    reached = reaches(micro(f"sandbox={sandbox}", "sandbox_image=example.org/evil"))
    assert ["example.org/evil" in text for text in reached] == [True] * said


def test_agreements_in_a_folder_that_others_can_write_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    recipe = micro("sandbox=docker", "sandbox_image=mine")
    remember(recipe)
    assert agree(tmp_path, recipe, trust=False)
    (tmp_path / "ouroloop" / "agreed").chmod(0o777)
    with pytest.raises(SurroundingsError, match="XDG_STATE_HOME"):
        agree(tmp_path, recipe, trust=False)


def test_a_user_without_a_home_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    recipe = micro("sandbox=docker", "sandbox_image=mine")
    remember(recipe)  # the next resume asks
    with pytest.raises(SurroundingsError, match="set XDG_STATE_HOME"):
        agree(tmp_path, recipe, trust=False)


READING = """
import os, sys
from ouroloop.cli.main import call
good, odd, home = sys.argv[1:]
for folder in (good, odd):
    commands = (["list", home], ["show", folder], ["diff", folder, "start", "start"], ["resume", folder])
    codes = [call(words) for words in commands]
    if folder == good and not os.geteuid():  # now that everything is imported, root, who may write anywhere, becomes nobody
        os.setgid(65534), os.setuid(65534)
print(codes)
"""


def test_a_read_only_copy_is_read_and_nothing_is_left_in_it(copy: Path) -> None:
    with tempfile.TemporaryDirectory() as public:  # nobody may not enter pytest's own directory
        odd = Path(public) / "odd"
        shutil.copytree(copy, odd)
        for path in (Path(public), odd, *odd.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o444)
        odd.chmod(0o555)
        before = tree(odd)
        command = [sys.executable, "-c", READING, str(copy), str(odd), public]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3 * SECONDS, check=False)
        assert "Traceback" not in done.stderr
        assert done.stdout.endswith("[0, 0, 0, 2]\n"), done.stderr
        assert tree(odd) == before
        odd.chmod(0o755)


def test_a_run_that_was_killed_is_read_with_its_last_steps_and_left_as_it_is(copy: Path, tmp_path: Path) -> None:
    ledger = Ledger(copy / "ledger.sqlite")
    ledger.set_meta("status", "failed")
    killed = tmp_path / "runs" / "killed"
    shutil.copytree(copy, killed)  # its ledger was never closed, so the newest state is in the log beside it
    ledger.close()
    (killed / "ledger.sqlite-shm").unlink()
    before = tree(killed)
    assert (killed / "ledger.sqlite-wal").stat().st_size > 0
    assert document(killed)["status"] == "failed"
    assert tree(killed) == before


def test_a_run_is_read_while_it_works(copy: Path) -> None:
    with lifecycle.opened(copy, Quiet(notes=False)) as run:
        run.ledger.set_meta("status", "running")
        assert document(copy)["status"] == "running"
    assert document(copy)["status"] == "stopped"


def test_who_holds_a_lock_is_said_and_a_lock_without_a_holder_is_taken(copy: Path, session: Session) -> None:
    (copy / "run.lock").write_text("999999999\n")
    with locked(copy):
        session.expect(f"in use by process {os.getpid()}: wait for it, or end it", "resume", copy)
    assert not is_running(copy)
    (copy / "run.lock").write_text("999999999\n")
    session.expect(FINE, "resume", copy)


def test_a_reader_that_looks_at_the_lock_does_not_stop_a_run(copy: Path) -> None:
    (copy / "run.lock").touch()
    reader = (copy / "run.lock").open()
    fcntl.flock(reader, fcntl.LOCK_SH)
    Timer(0.1, reader.close).start()
    with locked(copy):
        assert is_running(copy)


def test_a_ledger_that_another_process_holds_is_in_use(copy: Path, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **options: connect(*given, **{**options, "timeout": 0.05}))
    with closing(connect(copy / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        session.expect("in use by another process", "resume", copy)


def test_runs_that_start_at_the_same_moment_take_two_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(recipe: Recipe, folder: Path, progress: Progress) -> None:
        if not folder.exists() and folder.name == "micro-001":  # another run takes the name meanwhile
            folder.mkdir(parents=True)
            raise lifecycle.exists_already(folder)
        folder.mkdir()

    monkeypatch.setattr(lifecycle, "create", create)
    assert lifecycle.create_next(micro(), Quiet(), tmp_path).name == "micro-002"


@pytest.mark.parametrize(("fuzz", "count"), [(fuzz_rows, 2000), (fuzz_documents, 60), (fuzz_files, 100)])
def test_any_ledger_gives_a_document_or_a_fault(
    fuzz: Callable[[Path, int, int], Counter[str]], count: int, finished: Path
) -> None:
    seen = fuzz(finished, count, 7)
    assert min(seen["read"], seen["refused"]) > count // 10
    assert seen["left behind"] == 0

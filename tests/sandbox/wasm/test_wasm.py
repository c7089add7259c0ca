from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ouroloop.protocols.errors import CandidateFault, SurroundingsError
from ouroloop.sandbox import conformance, walls
from ouroloop.sandbox.link import await_ready
from ouroloop.sandbox.pipes import ProcessLink
from ouroloop.sandbox.probes import GREEDY, bank
from ouroloop.sandbox.session import WorkerSession
from ouroloop.sandbox.wasm.sandbox import WasmSandbox, prepare
from tests.sandbox.orphans import host, kill, soon
from tests.sandbox.processes import children, is_dead

SLOW = [walls.finds_faults, walls.holds_what_breaks_out]
FAST = [check for check in conformance.CHECKS if check not in SLOW]


@pytest.mark.parametrize("check", FAST, ids=lambda check: check.__name__)
def test_conformance(wasm: WasmSandbox, check) -> None:
    check(wasm)


@pytest.mark.slow
@pytest.mark.parametrize("check", SLOW, ids=lambda check: check.__name__)
def test_conformance_of_faults(wasm: WasmSandbox, check) -> None:
    check(wasm)


@pytest.mark.slow
def test_a_hung_controller_stops_at_the_same_work_each_time(wasm: WasmSandbox) -> None:
    # Just under and just over the fuel of one decision on a small batch: the verdict never flickers.
    def verdict(loops: int) -> str:
        session = wasm.open(f"def act(observation, logits):\n    for i in range({loops}):\n        pass\n    return 0\n")
        try:
            return str(session.act(*bank(1)).tolist())
        except CandidateFault as fault:
            return fault.reason
        finally:
            session.close()

    low, high = 1_000_000, 64_000_000
    assert verdict(low) == "[0]"
    assert "took longer" in verdict(high)
    for _ in range(3):
        middle = (low + high) // 2
        low, high = (middle, high) if verdict(middle) == "[0]" else (low, middle)
    assert [verdict(low), verdict(low)] == ["[0]", "[0]"]
    assert "took longer" in verdict(high)


def opened(sandbox: WasmSandbox) -> tuple[WorkerSession, int]:
    """Return a session of a cold sandbox, and the process of its worker."""
    before = children()
    session = sandbox.open(GREEDY)
    (pid,) = children() - before
    return session, pid


def test_children_get_no_environment_and_die_with_their_session(cold: WasmSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUROLOOP_CANARY", "secret-canary")
    session, pid = opened(cold)
    assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    session.close()
    assert not Path(f"/proc/{pid}").exists()


def test_a_killed_worker_is_a_fault_and_the_next_one_is_well(cold: WasmSandbox) -> None:
    session, pid = opened(cold)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(CandidateFault, match="ended the worker"):
        session.act(*bank(1))
    assert cold.open(GREEDY).act(*bank(2)).shape == (2,)


def test_workers_are_kept_ready_and_end_with_the_sandbox(toolkit: str) -> None:
    others, sandbox = children(), WasmSandbox(toolkit, 4, warm=2)
    sandbox.open(GREEDY).close()
    sandbox.await_warm()
    ready = children() - others
    assert len(ready) == 2
    session = sandbox.open(GREEDY)
    sandbox.await_warm()
    assert len(children() - others) == 3  # the one taken was replaced
    session.close()
    assert len(ready - children()) == 1  # and it was one of those kept ready
    for pid in children() - others:
        os.kill(pid, signal.SIGKILL)
    while not all(map(is_dead, children() - others)):
        time.sleep(0.01)
    assert sandbox.open(GREEDY).act(*bank(2)).shape == (2,)  # those kept ready came to harm: a fresh one answers
    sandbox.close()
    assert not children() - others


def test_a_stopped_worker_is_killed_at_the_wall_deadline(toolkit: str) -> None:
    from ouroloop.sandbox.limits import Limits

    sandbox = WasmSandbox(toolkit, 4, limits=Limits(batch_s=0.01, decision_s=0.001, wall_factor=1.0), warm=0)
    session, pid = opened(sandbox)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(CandidateFault, match="took longer"):
        session.act(*bank(1))


def test_the_component_is_built_once_and_named_by_content(toolkit: str) -> None:
    lines: list[str] = []
    first = prepare(toolkit, lines.append)
    lines.clear()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: prepare(toolkit, lines.append), range(4))) == {first}
    assert lines == []
    from ouroloop.sandbox.wasm.build import component_key

    assert component_key(toolkit) != component_key(toolkit + "\n")


def test_an_unusable_cache_is_named(toolkit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(SurroundingsError, match="XDG_CACHE_HOME"):
        prepare(toolkit)


def test_a_child_that_does_not_greet_is_the_surroundings_fault() -> None:
    for program in ("pass", "print('hello there')"):
        link = ProcessLink([sys.executable, "-I", "-c", program])
        with pytest.raises(SurroundingsError, match="did not start"):
            await_ready(link, 20.0, "WASM")


def test_importing_the_package_loads_no_engine() -> None:
    check = "import sys, ouroloop.sandbox; sys.exit(any(m in sys.modules for m in ('wasmtime', 'docker', 'bandit', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_cache_keeps_the_newest(tmp_path: Path) -> None:
    from ouroloop.sandbox.wasm.build import KEPT, prune

    for age in range(KEPT + 3):
        path = tmp_path / f"{age}.cwasm"
        path.write_bytes(b"")
        os.utime(path, (1000 - age, 1000 - age))
    prune(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {str(age) for age in range(KEPT)}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_no_worker_outlives_a_host_that_is_killed(toolkit: str) -> None:
    with host("wasm", toolkit) as process:
        workers = children(process.pid)
        assert len(workers) >= 1
        kill(process)
        assert soon(lambda: all(map(is_dead, workers)))


def test_a_session_outlives_the_thread_that_opened_it(cold: WasmSandbox) -> None:
    with ThreadPoolExecutor(1) as pool:
        session = pool.submit(cold.open, GREEDY).result()
    time.sleep(0.2)
    assert session.act(*bank(2)).shape == (2,)


def test_a_closed_sandbox_opens_nothing(toolkit: str) -> None:
    sandbox = WasmSandbox(toolkit, 4, warm=0)
    sandbox.close()
    with pytest.raises(SurroundingsError, match="closed"):
        sandbox.open(GREEDY)


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Put the cache elsewhere and a build of a few bytes in place of the real one; return the list of what was built."""
    from ouroloop.cached import new_entry
    from ouroloop.sandbox.wasm import build

    built: list[Path] = []

    def quick(entry: Path, *_: object) -> None:
        built.append(entry)
        with new_entry(entry) as half:
            (half / build.COMPONENT).write_bytes(b"native code")

    monkeypatch.setattr(build, "_build", quick)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return built


def test_a_truncated_component_is_built_again(toolkit: str, counted: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    path = prepare(toolkit)
    path.write_bytes(path.read_bytes()[:4])
    assert prepare(toolkit).read_bytes() == b"native code"
    assert prepare(toolkit) == path
    assert len(counted) == 2
    assert "damaged or not ours" in caplog.text


def test_a_component_that_cannot_be_marked_as_used_is_told_in_one_line(
    toolkit: str, counted: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def utime(*_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    prepare(toolkit)
    monkeypatch.setattr(os, "utime", utime)
    with pytest.raises(SurroundingsError, match=r"cannot be built in .*: No such file or directory"):
        prepare(toolkit)


def test_a_component_of_another_is_built_again(toolkit: str, counted: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from ouroloop import files

    planted = prepare(toolkit)
    os.utime(planted, ns=(1, 1))  # a mark: an inode's number may be given to the next file
    monkeypatch.setattr(files, "is_ours", lambda found: found.st_mtime_ns != 1)
    assert prepare(toolkit).stat().st_mtime_ns != 1
    assert len(counted) == 2


def test_a_cache_that_others_can_write_is_refused_by_name(toolkit: str, counted: list[Path], tmp_path: Path) -> None:
    prepare(toolkit)
    (tmp_path / "ouroloop" / "wasm").chmod(0o777)
    with pytest.raises(SurroundingsError, match=r"wasm can be written by others; delete it, or set XDG_CACHE_HOME"):
        prepare(toolkit)

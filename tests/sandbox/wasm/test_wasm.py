from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ouroloop.protocols.errors import CandidateFault, SurroundingsError
from ouroloop.sandbox import conformance
from ouroloop.sandbox.conformance import GREEDY, bank
from ouroloop.sandbox.link import ProcessLink, await_ready
from ouroloop.sandbox.wasm.sandbox import WasmSandbox, prepare

SLOW = [conformance.finds_faults, conformance.holds_what_breaks_out]
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


def test_children_get_no_environment_and_die_with_their_session(wasm: WasmSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUROLOOP_CANARY", "secret-canary")
    session = wasm.open(GREEDY)
    pid = session._link.pid  # type: ignore[attr-defined]
    assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    session.close()
    assert not Path(f"/proc/{pid}").exists()


def test_a_killed_worker_is_a_fault_and_the_next_one_is_well(wasm: WasmSandbox) -> None:
    session = wasm.open(GREEDY)
    os.kill(session._link.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    with pytest.raises(CandidateFault, match="ended the worker"):
        session.act(*bank(1))
    assert wasm.open(GREEDY).act(*bank(2)).shape == (2,)


def test_workers_are_kept_ready_and_end_with_the_sandbox(toolkit: str) -> None:
    sandbox = WasmSandbox(toolkit, 4, warm=2)
    sandbox.open(GREEDY)
    sandbox.await_warm()
    links = [ready.result() for ready in sandbox._pool._ready]
    first, second = (link.pid for link in links)
    os.kill(first, signal.SIGKILL)
    while not links[0].gone():
        time.sleep(0.01)
    session = sandbox.open(GREEDY)  # the one kept ready came to harm: a fresh one answers
    assert session.act(*bank(2)).shape == (2,)
    assert session._link.pid not in (first, second)  # type: ignore[attr-defined]
    assert sandbox.open(GREEDY)._link.pid == second  # type: ignore[attr-defined]
    left = [ready.result().pid for ready in sandbox._pool._ready]
    sandbox.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in (*left, second))


def test_a_stopped_worker_is_killed_at_the_wall_deadline(toolkit: str) -> None:
    from ouroloop.sandbox.limits import Limits

    sandbox = WasmSandbox(toolkit, 4, limits=Limits(batch_s=0.01, decision_s=0.001, wall_factor=1.0))
    session = sandbox.open(GREEDY)
    os.kill(session._link.pid, signal.SIGSTOP)  # type: ignore[attr-defined]
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
    from ouroloop.sandbox.wasm.build import KEPT, _prune

    for age in range(KEPT + 3):
        path = tmp_path / f"{age}.cwasm"
        path.write_bytes(b"")
        os.utime(path, (1000 - age, 1000 - age))
    _prune(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {str(age) for age in range(KEPT)}

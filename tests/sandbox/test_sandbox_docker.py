from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from ouroboros.protocols.errors import CandidateFault
from ouroboros.sandbox import conformance
from ouroboros.sandbox.conformance import FAULTS, GREEDY, bank
from ouroboros.sandbox.docker_worker import LABEL, DockerSandbox, connect, owner, reap
from ouroboros.sandbox.wasm import WasmSandbox

pytestmark = pytest.mark.docker
FAST = [check for check in conformance.CHECKS if check is not conformance.finds_faults]


@pytest.fixture
def docker(toolkit: str) -> Iterator[DockerSandbox]:
    sandbox = DockerSandbox(toolkit)
    yield sandbox
    sandbox.close()


def ours() -> list[dict]:
    return connect().api.containers(all=True, filters={"label": f"{LABEL}={owner()}"})


@pytest.mark.parametrize("check", FAST, ids=lambda check: check.__name__)
def test_conformance(docker: DockerSandbox, check) -> None:
    check(docker)


@pytest.mark.slow
def test_conformance_of_faults(docker: DockerSandbox) -> None:
    conformance.finds_faults(docker)


def verdict(sandbox: DockerSandbox | WasmSandbox, source: str) -> str:
    try:
        session = sandbox.open(source)
        actions = session.act(*bank(16)).tolist()
        session.close()
    except CandidateFault as fault:
        return fault.layer
    return str(actions)


@pytest.mark.slow
def test_verdicts_are_those_of_wasm(docker: DockerSandbox, wasm: WasmSandbox) -> None:
    sources = {name: f"def act(observation, logits):\n    {body}\n" for name, (body, _) in FAULTS.items()}
    sources |= {
        "greedy": GREEDY,
        "floats": "def act(observation, logits):\n    return int(sum(logits) * 1e6) % 4\n",
        "rounding": "def act(observation, logits):\n    return max(range(4), key=lambda a: (round(logits[a], 1), -a))\n",
        "toolkit": "import toolkit\ndef act(observation, logits):\n    return (toolkit.legal_moves(observation) or [0])[0]\n",
    }
    assert {k: verdict(docker, v) for k, v in sources.items()} == {k: verdict(wasm, v) for k, v in sources.items()}


def test_containers_are_shut_on_every_side(docker: DockerSandbox) -> None:
    session = docker.open(GREEDY)
    container = connect().containers.get(ours()[-1]["Id"])
    host, config = container.attrs["HostConfig"], container.attrs["Config"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["Privileged"] is False
    assert host["PidsLimit"] == 8
    assert host["Memory"] == host["MemorySwap"] == 320 << 20
    assert host["IpcMode"] == "none"
    assert host["LogConfig"]["Type"] == "none"
    assert not host["Binds"]
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    profile = next(option for option in host["SecurityOpt"] if option.startswith("seccomp="))
    assert json.loads(profile.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
    assert config["User"] == "65534:65534"
    assert not config["Env"]
    session.close()


def test_no_container_outlives_its_sandbox(toolkit: str) -> None:
    sandbox = DockerSandbox(toolkit)
    sandbox.open(GREEDY)
    verdict(sandbox, "def act(observation, logits):\n    return 7\n")
    assert ours()
    sandbox.close()
    sandbox.close()
    assert ours() == []


def test_leftovers_of_a_dead_process_are_reaped(toolkit: str) -> None:
    program = (
        "import os, sys; from ouroboros.sandbox.docker_worker import DockerSandbox;"
        f"s = DockerSandbox(sys.stdin.read(), warm=0); s.open({GREEDY!r});"
        "print(os.getpid(), flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=toolkit, capture_output=True, text=True, check=False)
    pid = done.stdout.strip()
    assert pid, done.stderr

    def left() -> list[dict]:
        entries = connect().api.containers(all=True, filters={"label": LABEL})
        return [entry for entry in entries if entry["Labels"][LABEL].split("/")[1] == pid]

    assert left()
    assert reap(connect()) >= 1
    assert left() == []


def test_a_warm_container_is_taken_at_once(docker: DockerSandbox) -> None:
    until = monotonic() + 30
    while not all(ready.done() for ready in docker._ready) and monotonic() < until:
        sleep(0.05)
    start = monotonic()
    docker.open(GREEDY)
    # About 5 ms on a quiet machine, against some 400 ms for a cold one.
    assert monotonic() - start < 0.2

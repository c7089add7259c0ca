from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ouroloop.protocols.errors import CandidateFault, SurroundingsError
from ouroloop.sandbox import conformance, walls
from ouroloop.sandbox.docker.container import LABEL, owner, reap
from ouroloop.sandbox.docker.image import ensure_image
from ouroloop.sandbox.docker.packing import tar
from ouroloop.sandbox.docker.sandbox import DockerSandbox, connect
from ouroloop.sandbox.probes import FAULTS, GREEDY, bank
from ouroloop.sandbox.wasm.sandbox import WasmSandbox
from tests.sandbox.orphans import host, kill, soon

pytestmark = pytest.mark.docker
SLOW = [walls.finds_faults, walls.holds_what_breaks_out]
FAST = [check for check in conformance.CHECKS if check not in SLOW]


@pytest.fixture
def docker(toolkit: str) -> Iterator[DockerSandbox]:
    sandbox = DockerSandbox(toolkit, 4)
    yield sandbox
    sandbox.close()


def ours() -> list[dict]:
    return connect().api.containers(all=True, filters={"label": f"{LABEL}={owner()}"})


@pytest.mark.parametrize("check", FAST, ids=lambda check: check.__name__)
def test_conformance(docker: DockerSandbox, check) -> None:
    check(docker)


@pytest.mark.slow
@pytest.mark.parametrize("check", SLOW, ids=lambda check: check.__name__)
def test_conformance_of_faults(docker: DockerSandbox, check) -> None:
    check(docker)


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


def test_containers_are_shut_on_every_side(toolkit: str) -> None:
    sandbox = DockerSandbox(toolkit, 4, warm=0)
    session = sandbox.open(GREEDY)
    (entry,) = ours()
    container = connect().containers.get(entry["Id"])
    settings, config = container.attrs["HostConfig"], container.attrs["Config"]
    assert settings["NetworkMode"] == "none"
    assert settings["ReadonlyRootfs"]
    assert settings["CapDrop"] == ["ALL"]
    assert settings["Privileged"] is False
    assert settings["PidsLimit"] == 8
    assert settings["Memory"] == settings["MemorySwap"] == 320 << 20
    assert settings["IpcMode"] == "none"
    assert settings["CgroupnsMode"] == "private"
    assert not settings.get("Init")  # `guest.init` is process 1
    assert settings["LogConfig"]["Type"] == "none"
    assert not settings["Binds"]
    assert [(m["Type"], m["Target"], m["ReadOnly"]) for m in settings["Mounts"]] == [
        ("bind", "/channel/requests", True),
        ("bind", "/channel/replies", True),
    ]
    assert not any(Path(m["Source"]).exists() for m in settings["Mounts"])  # their names are gone once the worker is up
    assert any(option.startswith("no-new-privileges") for option in settings["SecurityOpt"])
    profile = next(option for option in settings["SecurityOpt"] if option.startswith("seccomp="))
    assert json.loads(profile.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
    assert config["User"] == "65534:65534"
    assert [entry.partition("=")[0] for entry in config["Env"]] == ["GLIBC_TUNABLES"]
    session.close()
    sandbox.close()


def test_no_container_outlives_its_sandbox(toolkit: str) -> None:
    sandbox = DockerSandbox(toolkit, 4)
    sandbox.open(GREEDY)
    verdict(sandbox, "def act(observation, logits):\n    return 7\n")
    assert ours()
    sandbox.close()
    sandbox.close()
    assert ours() == []


def test_leftovers_of_a_dead_process_are_reaped(toolkit: str) -> None:
    program = (
        "import os, sys; from ouroloop.sandbox.docker.sandbox import DockerSandbox;"
        f"s = DockerSandbox(sys.stdin.read(), 4, warm=0); s.open({GREEDY!r});"
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


@pytest.mark.parametrize("reach", ["pipes", "daemon"])
def test_no_worker_outlives_a_host_that_is_killed(toolkit: str, reach: str) -> None:
    def running() -> list[dict]:
        entries = connect().api.containers(filters={"label": LABEL})
        return [entry for entry in entries if entry["Labels"][LABEL].split("/")[1] == str(process.pid)]

    with host("docker", toolkit, piped=reach == "pipes") as process:
        assert soon(lambda: len(running()) >= 1)
        kill(process)
        assert soon(lambda: running() == [])
    assert reap(connect()) >= 1


def test_a_warm_container_is_taken_and_replaced(docker: DockerSandbox) -> None:
    docker.await_warm()
    warm = {entry["Id"] for entry in ours()}
    assert len(warm) == 2
    session = docker.open(GREEDY)
    docker.await_warm()
    assert len(ours()) == 3
    session.close()
    while len(ours()) == 3:  # it is removed in the background
        time.sleep(0.05)
    assert len(warm & {entry["Id"] for entry in ours()}) == 1


def test_the_daemon_carries_frames_where_named_pipes_do_not_reach(toolkit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(folder: object) -> dict[str, str]:
        # What a daemon on another machine makes of our paths.
        return dict.fromkeys(("/nowhere/requests", "/nowhere/replies"), "/channel/requests")

    monkeypatch.setattr("ouroloop.sandbox.docker.sandbox.mounts", nowhere)
    sandbox = DockerSandbox(toolkit, 4, warm=0)
    conformance.answers_batches(sandbox)
    assert verdict(sandbox, "def act(observation, logits):\n    return 7\n") == "protocol"
    assert "took longer" in reason(sandbox, "def act(observation, logits):\n    while True:\n        pass\n")
    sandbox.close()
    assert ours() == []


def reason(sandbox: DockerSandbox, source: str) -> str:
    with pytest.raises(CandidateFault) as caught:
        sandbox.open(source).act(*bank(1))
    return caught.value.reason


def test_a_container_that_never_greets_is_the_surroundings_fault(toolkit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ouroloop.sandbox.docker.sandbox.command", lambda *_: ["/python/bin/python3", "-c", "1 / 0"])
    sandbox = DockerSandbox(toolkit, 4, warm=0)
    with pytest.raises(SurroundingsError, match="did not start"):
        sandbox.open(GREEDY)
    sandbox.close()
    assert ours() == []


def test_containers_bear_the_name_of_their_run(toolkit: str) -> None:
    sandbox = DockerSandbox(toolkit, 4, warm=0, run="quickstart-003")
    session = sandbox.open(GREEDY)
    assert [entry["Labels"]["ouroloop.sandbox.run"] for entry in ours()] == ["quickstart-003"]
    session.close()
    sandbox.close()


def test_an_image_under_our_name_that_we_did_not_make_is_not_used(
    toolkit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    client, toolkit = connect(), f"{toolkit}\n# {tmp_path}\n"
    made = ensure_image(client, toolkit)
    (name,) = client.images.get(made).tags
    strange = client.api.import_image_from_data(tar({"/strange": b""}), *name.split(":"))
    strange = json.loads(strange.splitlines()[-1])["status"]
    assert client.images.get(name).id == strange
    try:
        assert ensure_image(client, toolkit) == made
        client.images.remove(made, force=True)
        again = ensure_image(client, toolkit)
        assert again not in (made, strange)
        assert ensure_image(client, toolkit) == again
        client.images.remove(again, force=True)
    finally:
        client.images.remove(strange, force=True)

"""From inside: a controller that broke out of the worker's allow-lists still finds no file, variable, process or socket.

From outside: canaries planted in the host's environment, memory files, descriptors, seeds and scores are nowhere in the
worker's memory.
"""

from __future__ import annotations

import os
import platform
import secrets
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Observations
from ouroloop.sandbox.breakout import broken_out
from ouroloop.sandbox.docker.container import LABEL, owner
from ouroloop.sandbox.docker.sandbox import DockerSandbox, connect
from ouroloop.sandbox.probes import GREEDY, bank
from ouroloop.sandbox.wasm.sandbox import WasmSandbox
from tests.sandbox.processes import children

CALLS = {
    "open": 2, "openat": 257, "openat2": 437, "stat": 4, "getdents": 217, "memfd_create": 319, "pipe": 22, "dup": 32,
    "socket": 41, "socketpair": 53, "connect": 42, "sendmsg": 46, "recvmsg": 47, "fork": 57, "vfork": 58, "clone": 56,
    "clone3": 435, "execve": 59, "execveat": 322, "kill": 62, "tkill": 200, "tgkill": 234, "ptrace": 101, "getppid": 110,
    "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_open": 434, "pidfd_getfd": 438, "io_uring_setup": 425,
    "io_uring_enter": 426, "io_uring_register": 427, "bpf": 321, "keyctl": 250, "add_key": 248, "request_key": 249,
    "perf_event_open": 298, "userfaultfd": 323, "unshare": 272, "setns": 308, "mount": 165, "move_mount": 429, "chroot": 161,
    "pivot_root": 155, "ioctl": 16, "fcntl": 72, "prctl": 157, "arch_prctl": 158, "seccomp": 317, "setuid": 105,
    "setrlimit": 160, "prlimit": 302, "shmget": 29, "mq_open": 240, "semget": 64, "inotify": 254, "fanotify": 300,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "init_module": 175, "kexec": 246, "reboot": 169, "syslog": 103,
    "quotactl": 179, "acct": 163, "landlock": 444, "sendfile": 40, "splice": 275, "select": 23, "poll": 7, "nanosleep": 35,
    "wait4": 61, "chdir": 80, "mknod": 133, "link": 86, "unlink": 87, "rename": 82, "utime": 132, "sethostname": 170,
}  # fmt: skip
"""System calls of x86-64 that must fail with EPERM, asked with zeros: any other answer would have come from the kernel."""

FAMILIES = {"inet": 2, "unix": 1, "netlink": 16, "packet": 17, "alg": 38, "vsock": 40, "inet6": 10, "bluetooth": 31, "xdp": 44}

PROBE = """
import sys
ctypes, os = sys.modules["ctypes"], sys.modules["os"]
libc = ctypes.CDLL(None, use_errno=True)
CALLS, FAMILIES = {calls!r}, {families!r}
ASKED = [(n, 0, 0, 0) for n in CALLS] + [(41, f, 1, 0) for f in FAMILIES]
# A page of new code, and code pages over old memory.
ASKED += [(9, 0, 4096, 5), (10, 0, 4096, 4)]

def act(observation, logits):
    number, *rest = ASKED[observation["idle"]]
    ctypes.set_errno(0)
    done = libc.syscall(number, *rest, 34 if number == 9 else 0, -1, 0)
    return 0 if done == -1 and ctypes.get_errno() == 1 else 1
"""

GUEST = {
    "files": "os.listdir('/')",
    "open": "open('/etc/passwd')",
    "write": "open('/tmp/x', 'w')",
    "clock": "__import__('time').time()",
    "random": "os.urandom(8)",
    "socket": "__import__('socket').socket()",
    "_socket": "__import__('_socket').socket(2, 1)",
    "process": "__import__('_posixsubprocess')",
    "ctypes": "__import__('ctypes')",
    "threads": "__import__('_thread').start_new_thread(int, ())",
    "signal": "os.kill(1, 0)",
    "variables": "1 / len(os.environ)",
    "arguments": "[a for a in sys.argv if a][5]",
}
"""What a guest in WebAssembly tries; each must raise or end it."""


def scripted(count: int, idle: list[int]) -> tuple[Observations, np.ndarray]:
    observations, logits = bank(count)
    columns = {**observations.columns, "idle": np.array(idle, np.int32)}
    return Observations(observations.constants, columns, observations.lengths), logits


@pytest.fixture
def docker(docker_daemon: None, toolkit: str) -> Iterator[DockerSandbox]:
    sandbox = DockerSandbox(toolkit, 4, warm=0)
    yield sandbox
    sandbox.close()


@pytest.mark.docker
@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
def test_no_system_call_but_those_of_a_talking_process_reaches_the_kernel(docker: DockerSandbox) -> None:
    source = broken_out(PROBE.format(calls=list(CALLS.values()), families=list(FAMILIES.values())))
    asked = [*CALLS, *FAMILIES, "code pages", "code over memory"]
    session = docker.open(source)
    answers = session.act(*scripted(len(asked), list(range(len(asked)))))
    assert [name for name, answer in zip(asked, answers, strict=True) if answer] == []
    session.close()


@pytest.mark.docker
def test_the_container_holds_no_variable_and_three_descriptors(docker: DockerSandbox) -> None:
    program = """
import sys
ctypes, os = sys.modules["ctypes"], sys.modules["os"]
libc = ctypes.CDLL(None, use_errno=True)

def known(name):
    return name in ("GLIBC_TUNABLES", "HOSTNAME", "PATH", "HOME", "LC_CTYPE")

def act(observation, logits):
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    strings, i = [], 0
    while environ and environ[i]:
        strings.append(environ[i].decode())
        i += 1
    strange = [s for s in strings + [f"{k}=" for k in os.environ] if not known(s.partition("=")[0])]
    opened = [fd for fd in range(1024) if libc.lseek(fd, 0, 1) != -1 or ctypes.get_errno() != 9]
    return 3 if strange else 2 if len(opened) > 6 else 0
"""
    session = docker.open(broken_out(program))
    assert session.act(*bank(1)).tolist() == [0]
    session.close()


@pytest.mark.parametrize("name", GUEST)
def test_the_guest_has_nothing_to_call(wasm: WasmSandbox, name: str) -> None:
    session = wasm.open(broken_out(f"import os, sys\ndef act(observation, logits):\n    {GUEST[name]}\n    return 1\n"))
    with pytest.raises(CandidateFault):
        session.act(*bank(1))


def test_the_guest_breaks_out_at_all(wasm: WasmSandbox) -> None:
    # Without this the tests above would also pass if `broken_out` did nothing.
    session = wasm.open(broken_out("import os, sys\ndef act(observation, logits):\n    return 1 + ('os' in sys.modules)\n"))
    assert session.act(*bank(1)).tolist() == [2]


def worker_pids(sandbox: WasmSandbox | DockerSandbox, others: set[int]) -> list[int]:
    """Return the processes of a sandbox's only worker, as the host sees them; `others` were there before it."""
    if isinstance(sandbox, WasmSandbox):
        (pid,) = children() - others
        return [pid]
    client = connect()
    (entry,) = client.api.containers(filters={"label": f"{LABEL}={owner()}"})
    first = client.api.inspect_container(entry["Id"])["State"]["Pid"]
    inside = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *map(int, inside)]


def memory(pid: int) -> bytes:
    """Return all that a process can read of its own memory, files that it maps left out."""
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as space:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *rest = line.split(None, 5)
            start, end = (int(x, 16) for x in span.split("-"))
            if "r" not in rights or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")) or end - start > 1 << 30:
                continue
            if len(rest) == 4 and rest[3].strip().startswith("/") and "w" not in rights:
                continue
            space.seek(start)
            try:
                parts.append(space.read(end - start))
            except OSError:  # reserved and never touched
                continue
    return b"\n".join(parts)


@pytest.mark.parametrize("name", ["cold", pytest.param("docker", marks=pytest.mark.docker)], ids=["wasm", "docker"])
def test_no_canary_is_in_reach(name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("reading another process's memory needs root")
    canary = {place: f"canary-{place}-{secrets.token_hex(12)}" for place in ("variable", "file", "memfd", "score")}
    seed = int.from_bytes(secrets.token_bytes(8), "little") | 1 << 63
    monkeypatch.setenv("OUROLOOP_CANARY", canary["variable"])
    with tempfile.TemporaryFile() as file:
        file.write(canary["file"].encode())
        memfd = os.memfd_create("canary", 0)
        os.write(memfd, canary["memfd"].encode())
        for descriptor in (file.fileno(), memfd):
            os.set_inheritable(descriptor, True)
        score = {"score": canary["score"]}
        engine = SnakeEngine(np.array([seed] * 4, np.uint64), 10)
        sandbox = request.getfixturevalue(name)
        others = children()
        session = sandbox.open(GREEDY)
        observations = engine.observations()
        assert session.act(observations, np.zeros((4, 4), np.float32)).tolist() == [0] * 4
        pids = worker_pids(sandbox, others)
        seen = b"".join(memory(pid) + Path(f"/proc/{pid}/environ").read_bytes() for pid in pids)
        assert len(seen) > 1 << 20
        assert b"observation" in seen  # the controller's own source: what is there is found
        assert [place for place, text in canary.items() if text.encode() in seen] == []
        assert struct.pack("<Q", seed) not in seen
        assert str(seed).encode() not in seen
        links = {str(path.readlink()) for pid in pids for path in Path(f"/proc/{pid}/fd").iterdir()}
        assert {x for x in links if not x.startswith(("pipe:", "/dev/null", "/channel/")) and not x.endswith(".cwasm")} == set()
        assert not any(Path(f"/proc/{pid}/cwd").readlink() == Path.cwd() for pid in pids)
        session.close()
        os.close(memfd)
        assert score

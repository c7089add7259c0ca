from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import ouroloop
from ouroloop.sandbox.guest.lockdown import ARCHITECTURES, CALLS, seccomp_filter

PROBE = """
import ctypes, json, mmap, os, signal, socket, subprocess, sys, threading
from ouroloop.sandbox.guest.lockdown import confine
libc, machine = ctypes.CDLL(None, use_errno=True), os.uname().machine
layers = confine(address_mb=512)
found = {"layers": layers}
def call(number, *rest):
    def do():
        if libc.syscall(number, *rest) < 0:
            raise OSError(ctypes.get_errno(), "")
    return do
tries = {
    "open": lambda: open("/etc/passwd"), "list": lambda: os.listdir("/"), "write": lambda: open("/tmp/x", "w"),
    "dev": lambda: open("/dev/null"), "proc": lambda: open("/proc/self/environ"), "stat": lambda: os.stat("/etc"),
    "inet": lambda: socket.socket(), "unix": lambda: socket.socket(socket.AF_UNIX), "pair": lambda: socket.socketpair(),
    "vsock": lambda: socket.socket(40, 1), "netlink": lambda: socket.socket(16, socket.SOCK_RAW),
    "fork": os.fork, "exec": lambda: os.execv("/bin/true", ["true"]), "pipe": os.pipe,
    # Signal 0 asks whether one may; it would harm nobody if one might.
    "kill": lambda: os.kill(os.getppid(), 0), "kill all": lambda: os.kill(-1, 0),
    "code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC), "memfd": lambda: os.memfd_create("x"),
    "setuid": lambda: os.setuid(1),
}
NUMBERS = dict(io_uring=425, bpf=321, keyctl=250, ptrace=101, unshare=272, perf=298, userfaultfd=323, sleep=35, limit=302)
if machine == "x86_64":
    tries |= {name: call(number, 0, 0, 0, 0) for name, number in NUMBERS.items()}
for name, attempt in tries.items():
    try:
        attempt()
        found[name] = "done"
    except OSError as error:
        found[name] = error.errno
try:
    threading.Thread(target=int).start()
    found["thread"] = "done"
except RuntimeError:
    found["thread"] = 1
try:
    bytearray(1 << 30)
    found["memory"] = "done"
except MemoryError:
    found["memory"] = 1
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux mechanisms")
def test_a_confined_process_can_do_nothing_but_talk() -> None:
    root = str(Path(ouroloop.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, env={"PYTHONPATH": root}, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"rlimits", "no_new_privs", "seccomp"} <= set(found.pop("layers"))
    assert {name: result for name, result in found.items() if result != 1} == {}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_filters_are_well_formed(machine: str) -> None:
    code = seccomp_filter(machine)
    steps = [code[i : i + 8] for i in range(0, len(code), 8)]
    assert len(steps) < 256
    for at, step in enumerate(steps):
        if step[0] & 7 == 5:
            assert at + 1 + max(step[2], step[3]) < len(steps)
    assert run_filter(steps, ARCHITECTURES[machine][1], CALLS["read"][ARCHITECTURES[machine][0]]) == 0x7FFF0000
    assert run_filter(steps, ARCHITECTURES[machine][1], 41 if machine == "x86_64" else 198) == 0x00050001
    assert run_filter(steps, 0x40000003, 0) == 0x80000000
    mmap = 9 if machine == "x86_64" else 222
    assert run_filter(steps, ARCHITECTURES[machine][1], mmap, 3) == 0x7FFF0000
    assert run_filter(steps, ARCHITECTURES[machine][1], mmap, 7) == 0x00050001


def run_filter(steps: list[bytes], architecture: int, number: int | None, argument: int = 0) -> int:
    """Interpret the classic BPF program on one system call."""
    at, value = 0, 0
    while True:
        code, yes, no, k = (
            int.from_bytes(steps[at][:2], "little"),
            steps[at][2],
            steps[at][3],
            int.from_bytes(steps[at][4:], "little"),
        )
        at += 1
        if code == 0x20:
            value = {0: number, 4: architecture, 32: argument}[k] or 0
        elif code == 0x06:
            return k
        else:
            holds = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code]
            at += yes if holds else no

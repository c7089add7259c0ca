"""A process shuts itself in: rlimits, no_new_privs, Landlock without a rule, seccomp with a short list and no new code pages.

Standard library only, no root, no user namespace: it works in a plain child process and again inside Docker, where it closes
what `--network none` leaves open (AF_VSOCK, io_uring, bpf, keyctl). It is for a process that has
loaded all it needs and from now on reads and writes open pipes. Linux on x86-64 and aarch64; elsewhere rlimits alone.

Does not stop: reading memory of its own process, using up its own limits, timing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys

# system call -> (x86-64, aarch64); None where the architecture has none
CALLS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "lseek": (8, 62), "munmap": (11, 215), "brk": (12, 214),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sched_yield": (24, 124),
    "mremap": (25, 216), "madvise": (28, 233), "setitimer": (38, 103), "getpid": (39, 172), "exit": (60, 93),
    "gettid": (186, 178), "futex": (202, 98), "restart_syscall": (219, 128), "clock_gettime": (228, 113),
    "exit_group": (231, 94), "sigaltstack": (131, 132), "rseq": (334, 293), "getrandom": (318, 278),
}  # fmt: skip
CODE_CALLS: dict[str, tuple[int, int]] = {"mmap": (9, 222), "mprotect": (10, 226)}
"""Allowed without PROT_EXEC."""
ARCHITECTURES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}
"""Machine -> column of the tables, AUDIT_ARCH, number of seccomp(2)."""

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
LOAD, JUMP_EQ, JUMP_GE, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


class Program(ctypes.Structure):
    """`struct sock_fprog`: a classic BPF program."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def end_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends, which needs nothing of this process itself.

    Args:
        parent: process id of the parent; if it is another by now, it has already ended.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        _check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "death signal")
    if os.getppid() != parent:
        os._exit(1)


def confine(*, address_mb: int | None = None, data_mb: int | None = None) -> tuple[str, ...]:
    """Give up everything but reading and writing open descriptors. Cannot be undone.

    Args:
        address_mb: cap of the address space, where the process does not reserve more than it uses.
        data_mb: cap of private writable memory.

    Returns:
        The layers in force, e.g. `("rlimits", "no_new_privs", "landlock", "seccomp")`.

    Raises:
        OSError: the kernel refused a layer that it has; the caller must not go on.
    """
    _limit(address_mb, data_mb)
    if sys.platform != "linux":
        return ("rlimits",)
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    layers = ["rlimits", "no_new_privs"]
    if _landlock(libc):
        layers.append("landlock")
    if platform.machine() in ARCHITECTURES:
        _seccomp(libc, platform.machine())
        layers.append("seccomp")
    return tuple(layers)


def _limit(address_mb: int | None, data_mb: int | None) -> None:
    """Set the resource limits, soft and hard."""
    caps = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: 64}
    if address_mb is not None:
        caps[resource.RLIMIT_AS] = address_mb << 20
    if data_mb is not None:
        caps[resource.RLIMIT_DATA] = data_mb << 20
    for name, cap in caps.items():
        hard = resource.getrlimit(name)[1]
        value = cap if hard == resource.RLIM_INFINITY else min(cap, hard)
        resource.setrlimit(name, (value, value))


def _check(result: int, what: str) -> int:
    """Return a system call's result, or raise its error."""
    if result < 0:
        raise OSError(ctypes.get_errno(), f"lock-down: {what}: {os.strerror(ctypes.get_errno())}")
    return result


def _landlock(libc: ctypes.CDLL) -> bool:
    """Deny every file, port and outside signal that this kernel's Landlock knows of; False where it has none."""
    abi = libc.syscall(LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return False
    files = (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1
    fields = (files,) if abi < 4 else (files, 3) if abi < 6 else (files, 3, 3)
    attributes = struct.pack(f"<{len(fields)}Q", *fields)
    rules = _check(libc.syscall(LANDLOCK_CREATE, attributes, len(attributes), 0), "landlock_create_ruleset")
    _check(libc.syscall(LANDLOCK_RESTRICT, rules, 0), "landlock_restrict_self")
    os.close(rules)
    return True


def _seccomp(libc: ctypes.CDLL, machine: str) -> None:
    """Install the system call filter on every thread of the process."""
    code = seccomp_filter(machine)
    program = Program(len(code) // 8, code)
    _check(libc.syscall(ARCHITECTURES[machine][2], 1, 1, ctypes.byref(program)), "seccomp")


def seccomp_filter(machine: str) -> bytes:
    """Return the BPF program: foreign architectures die, listed calls pass, everything else gets EPERM."""
    column, audit, _ = ARCHITECTURES[machine]
    numbers = [n for pair in CALLS.values() if (n := pair[column]) is not None]
    code_numbers = [pair[column] for pair in CODE_CALLS.values()]
    # Layout: 4 checks, one jump a call, then: refuse, kill, allow, and the test of the protection argument.
    count = len(numbers) + len(code_numbers)
    refuse, kill, allow, protect = 4 + count, 5 + count, 6 + count, 7 + count
    steps = [(LOAD, 0, 0, 4), (JUMP_EQ, 0, kill - 2, audit), (LOAD, 0, 0, 0), (JUMP_GE, kill - 4, 0, 0x40000000)]
    steps += [(JUMP_EQ, allow - len(steps) - i - 1, 0, number) for i, number in enumerate(numbers)]
    steps += [(JUMP_EQ, protect - len(steps) - i - 1, 0, number) for i, number in enumerate(code_numbers)]
    steps += [(RETURN, 0, 0, REFUSE), (RETURN, 0, 0, KILL), (RETURN, 0, 0, ALLOW)]
    # PROT_EXEC is 4; the third argument's low half lies at offset 32 on little-endian machines.
    steps += [(LOAD, 0, 0, 32), (JUMP_SET, 0, 1, 4), (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
    assert len(steps) == refuse + 7
    return b"".join(struct.pack("<HBBI", *step) for step in steps)

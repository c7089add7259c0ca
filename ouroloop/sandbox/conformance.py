"""What every sandbox must do: a suite for both of ours and for any third one.

Call `conform(factory)`, or each of `CHECKS`, from a test; a check raises AssertionError. The factory gives sandboxes for four
actions. Sources here are not screened on purpose: a sandbox must hold what the screen let through.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.ports import Sandbox, Session
from ouroloop.protocols.records import Observations
from ouroloop.sandbox.breakout import HELD, broken_out

Factory = Callable[[], Sandbox]
GREEDY = "def act(observation, logits):\n    return logits.index(max(logits))\n"
HANG_S = 20.0
"""Wall-clock time within which any controller that hangs must be gone, on a busy machine."""

FAULTS: dict[str, tuple[str, str]] = {
    "infinite loop": ("while True:\n        pass", "sandbox"),
    "loop in C": ("return (7 ** (10 ** 9)) % 4", "sandbox"),
    "slow": ("return sum(range(10 ** 7)) % 4", "sandbox"),
    "memory in lists": ("a = []\n    while True:\n        a.append([0] * 100000)", "sandbox"),
    "memory in text": ('x = "a"\n    while True:\n        x = x + x', "sandbox"),
    "endless recursion": ("return act(observation, logits)", "sandbox"),
    "exception": ('return observation["nothing"]', "sandbox"),
    "print": ('print("x" * 10 ** 9)\n    return 0', "sandbox"),
    "import": ("import os\n    return 0", "sandbox"),
    "introspection": ('return ().__class__.__base__.__subclasses__()[0].__init__.__globals__["x"]', "sandbox"),
    "out of range": ("return 7", "protocol"),
    "negative": ("return -1", "protocol"),
    "huge int": ("return 10 ** 5000", "protocol"),
    "bool": ("return True", "protocol"),
    "float": ("return 1.0", "protocol"),
    "text": ('return "0"', "protocol"),
    "none": ("return None", "protocol"),
    "huge text": ('return "x" * (1 << 24)', "protocol"),
    "deep list": ("x = 0\n    for _ in range(900):\n        x = [x]\n    return x", "protocol"),
}
"""Name -> body of `act`, and the layer that must find it."""


def bank(rows: int, size: int = 10, seed: int = 0) -> tuple[Observations, NDArray[np.float32]]:
    """Return observations of the usual form, filled at random, and logits (rows, 4)."""
    rng = np.random.default_rng(seed)
    cells = size * size
    columns: dict[str, NDArray[np.generic]] = {
        "board": rng.integers(0, 5, (rows, cells)).astype(np.int8),
        "snake": rng.integers(0, cells, (rows, cells)).astype(np.int16),
        "food": rng.integers(0, cells, rows).astype(np.int32),
        "idle": rng.integers(0, cells, rows).astype(np.int32),
    }
    observations = Observations({"size": size}, columns, {"snake": rng.integers(1, cells, rows).astype(np.int32)})
    return observations, rng.normal(size=(rows, 4)).astype(np.float32)


def _act(body: str) -> str:
    """Return a controller with this body."""
    return f"def act(observation, logits):\n    {body}\n"


def answers_batches(sandbox: Sandbox) -> None:
    """Batches of none, one and many rows are answered in order, on small and large boards."""
    assert isinstance(sandbox, Sandbox)
    session = sandbox.open(GREEDY)
    assert isinstance(session, Session)
    for rows, size in ((0, 10), (1, 4), (600, 10), (50, 128)):
        observations, logits = bank(rows, size)
        actions = session.act(observations, logits)
        assert actions.dtype == np.int8
        assert actions.tolist() == logits.argmax(1).tolist()
    session.close()
    session.close()


def shows_exact_observations(sandbox: Sandbox) -> None:
    """A controller sees what `Observations.row` says: keys in order, plain ints, ragged rows cut, float32 logits."""
    observations, logits = bank(20)
    checks: tuple[tuple[str, Callable[[int], int]], ...] = (
        ('return 3 if list(observation) == ["size", "board", "snake", "food", "idle"] else 0', lambda i: 3),
        ("return observation['snake'][-1] % 4", lambda i: observations.row(i)["snake"][-1] % 4),
        ("return len(observation['snake']) % 4", lambda i: len(observations.row(i)["snake"]) % 4),
        ("return sum(observation['board']) % 4", lambda i: sum(observations.row(i)["board"]) % 4),
        ("return int(abs(logits[2]) * 1e6) % 4", lambda i: int(abs(float(logits[i, 2])) * 1e6) % 4),
    )
    for body, expected in checks:
        session = sandbox.open(_act(body))
        assert session.act(observations, logits).tolist() == [expected(i) for i in range(20)], body
        session.close()


def gives_fresh_rows(sandbox: Sandbox) -> None:
    """A controller that writes on its observation changes no other row."""
    body = 'n = sum(observation["board"]) + len(observation)\n    observation["board"][:] = [0]\n    observation.clear()'
    source = _act(body + "\n    logits.clear()\n    return n % 4")
    observations, logits = bank(1)
    same = np.zeros(50, np.int64)
    session = sandbox.open(source)
    assert len(set(session.act(observations.take(same), logits[same]).tolist())) == 1
    session.close()


def adds_in_order(sandbox: Sandbox) -> None:
    """Sums of floats are plain ones in every interpreter; the built-in compensates since Python 3.12."""
    session = sandbox.open(_act("return 1 if sum([0.1] * 10) == 1.0 else 2"))
    assert session.act(*bank(1)).tolist() == [2]
    session.close()


def keeps_sets_in_order(sandbox: Sandbox) -> None:
    """Sets of every kind iterate in the order of insertion, and work as sets do."""
    head = "S = frozenset((3, 1))\n"
    truths = (
        'list({"up", "down", "left"}) == ["up", "down", "left"]',
        "list({(c, -c) for c in (9, 70, 3, 1000)}) == [(9, -9), (70, -70), (3, -3), (1000, -1000)]",
        "list(set([0.5, 0.25, 0.75]) | {0.1}) == [0.5, 0.25, 0.75, 0.1]",
        "{1, 2, 3} - {2} == {3, 1} and {1, 2} & {2, 3} == {2} and {1, 2} ^ {2, 3} == {1, 3}",
        "{1} < {1, 2} and {1, 2} >= {2} and not {1} > {1} and {1}.issubset([1, 2]) and {1}.isdisjoint({2})",
        "set() == set([]) and not set() and len({1, 1}) == 1 and 1 in S and {S: 4}[frozenset([1, 3])] == 4",
        "(S | {2}) == {1, 2, 3} and list(S) == [3, 1] and isinstance(S, frozenset)",
        "(lambda s: [s.add(5), s.discard(9), s.remove(5), s.update([7], [8]), s.pop(), list(s)][-1])({7}) == [7]",
    )
    for truth in truths:
        session = sandbox.open(head + _act(f"return 3 if {truth} else 0"))
        assert session.act(*bank(1)).tolist() == [3], truth
        session.close()
    for change in ("S.add(1)", "S.update([1])", "S.clear()", "S.intersection_update([1])"):
        _faults(sandbox, head + _act(f"{change}\n    return 0"), "sandbox")


def imports_what_is_listed(sandbox: Sandbox) -> None:
    """The listed modules are there, reduced to their listed names; `toolkit` is there."""
    head = "from __future__ import annotations\nimport math\nimport toolkit\nfrom collections import deque\n"
    session = sandbox.open(head + _act("q = deque([3])\n    return q.popleft() if math.sqrt(4) == 2 else 0"))
    assert session.act(*bank(1)).tolist() == [3]
    session.close()
    _faults(sandbox, "import os\n" + GREEDY, "sandbox")
    _faults(sandbox, "import math\n" + _act("return math.sin(0)"), "sandbox")


def refuses_bad_sources(sandbox: Sandbox) -> None:
    """A source that does not parse, load or define `act` is a candidate's fault, told at `open`."""
    for source in ("def act(", "x = 1\n", "act = 1 / 0\n", "while True:\n    pass\n"):
        _faults(sandbox, source, "sandbox")


def finds_faults(sandbox: Sandbox) -> None:
    """Each fault is found at its layer, in bounded time, ends its session, and costs the next candidate nothing."""
    observations, logits = bank(16)
    for name, (body, layer) in FAULTS.items():
        start = monotonic()
        reason = _faults(sandbox, _act(body), layer)
        assert monotonic() - start < HANG_S, name
        assert len(reason) <= 300, name
        assert reason.isprintable(), name
        healthy = sandbox.open(GREEDY)
        assert healthy.act(observations, logits).tolist() == logits.argmax(1).tolist(), name
        healthy.close()


def holds_what_breaks_out(sandbox: Sandbox) -> None:
    """A worker whose own allow-lists fell is still shut in, and costs the next candidate nothing."""
    observations, logits = bank(16)
    for name, source in HELD.items():
        start = monotonic()
        assert layer_of(sandbox, broken_out(source)) in ("sandbox", "protocol"), name
        assert monotonic() - start < HANG_S, name
        healthy = sandbox.open(GREEDY)
        assert healthy.act(observations, logits).tolist() == logits.argmax(1).tolist(), name
        healthy.close()


def keeps_sessions_apart(sandbox: Sandbox) -> None:
    """Two sessions at once share nothing; the fault of one leaves the other alone; closing the sandbox ends both."""
    remembers = "def act(observation, logits, seen=[]):\n    seen.append(0)\n    return len(seen)\n"
    observations, logits = bank(1)
    one, two = sandbox.open(remembers), sandbox.open(remembers)
    assert one.act(observations, logits).tolist() == [1]
    assert two.act(observations, logits).tolist() == [1]
    assert one.act(observations, logits).tolist() == [2]
    _faults(sandbox, _act("return 7"), "protocol")
    assert two.act(observations, logits).tolist() == [2]
    sandbox.close()
    for session in (one, two):
        _dead(session)


def layer_of(sandbox: Sandbox, source: str) -> str:
    """Return the layer at which an unscreened controller fails on a few positions; "answered" where it does not."""
    try:
        session = sandbox.open(source)
    except CandidateFault as fault:
        return fault.layer
    try:
        session.act(*bank(16))
    except CandidateFault as fault:
        return fault.layer
    finally:
        session.close()
    return "answered"


def _faults(sandbox: Sandbox, source: str, layer: str) -> str:
    """Run a faulty controller, check its layer and that its session is dead, and return the reason."""
    session = None
    fault = None
    try:
        session = sandbox.open(source)
        session.act(*bank(16))
    except CandidateFault as found:
        fault = found
    if session is not None:
        _dead(session)
        session.close()
    assert fault is not None, f"no fault found in {source!r}"
    assert fault.layer == layer, (source, str(fault))
    return fault.reason


def _dead(session: Session) -> None:
    """Check that a session answers no more."""
    try:
        session.act(*bank(1))
    except CandidateFault:
        return
    raise AssertionError("a dead session answered")


CHECKS: tuple[Callable[[Sandbox], None], ...] = (
    answers_batches,
    shows_exact_observations,
    gives_fresh_rows,
    adds_in_order,
    keeps_sets_in_order,
    imports_what_is_listed,
    refuses_bad_sources,
    finds_faults,
    holds_what_breaks_out,
    keeps_sessions_apart,
)


def conform(factory: Factory) -> None:
    """Run every check, each on a sandbox of its own."""
    for check in CHECKS:
        sandbox = factory()
        try:
            check(sandbox)
        finally:
            sandbox.close()

"""The half of the conformance suite that tests the walls: what must be refused, caught or kept apart."""

from __future__ import annotations

from time import monotonic

from ouroloop.protocols.ports import Sandbox
from ouroloop.sandbox.breakout import HELD, broken_out
from ouroloop.sandbox.probes import FAULTS, GREEDY, HANG_S, act, bank, dead, faults, layer_of


def imports_what_is_listed(sandbox: Sandbox) -> None:
    """The listed modules are available, reduced to their listed names, and so is `toolkit`."""
    head = "from __future__ import annotations\nimport math\nimport toolkit\nfrom collections import deque\n"
    session = sandbox.open(head + act("q = deque([3])\n    return q.popleft() if math.sqrt(4) == 2 else 0"))
    assert session.act(*bank(1)).tolist() == [3]
    session.close()
    faults(sandbox, "import os\n" + GREEDY, "sandbox")
    faults(sandbox, "import math\n" + act("return math.sin(0)"), "sandbox")


def refuses_bad_sources(sandbox: Sandbox) -> None:
    """A source that does not parse, load or define `act` is a candidate's fault, reported at `open`."""
    for source in ("def act(", "x = 1\n", "act = 1 / 0\n", "while True:\n    pass\n"):
        faults(sandbox, source, "sandbox")


def finds_faults(sandbox: Sandbox) -> None:
    """Each fault is caught at its layer, in bounded time, ends its session, and costs the next candidate nothing."""
    observations, logits = bank(16)
    for name, (body, layer) in FAULTS.items():
        start = monotonic()
        reason = faults(sandbox, act(body), layer)
        assert monotonic() - start < HANG_S, name
        assert len(reason) <= 300, name
        assert reason.isprintable(), name
        healthy = sandbox.open(GREEDY)
        assert healthy.act(observations, logits).tolist() == logits.argmax(1).tolist(), name
        healthy.close()


def holds_what_breaks_out(sandbox: Sandbox) -> None:
    """A worker whose own allow-lists have failed is still confined, and costs the next candidate nothing."""
    observations, logits = bank(16)
    for name, source in HELD.items():
        start = monotonic()
        assert layer_of(sandbox, broken_out(source)) in ("sandbox", "protocol"), name
        assert monotonic() - start < HANG_S, name
        healthy = sandbox.open(GREEDY)
        assert healthy.act(observations, logits).tolist() == logits.argmax(1).tolist(), name
        healthy.close()


def keeps_sessions_apart(sandbox: Sandbox) -> None:
    """Two sessions at once share nothing; a fault of one does not affect the other; closing the sandbox ends both."""
    remembers = 'def act(observation, logits):\n    act.seen = act.__dict__.get("seen", 0) + 1\n    return act.seen\n'
    observations, logits = bank(1)
    one, two = sandbox.open(remembers), sandbox.open(remembers)
    assert one.act(observations, logits).tolist() == [1]
    assert two.act(observations, logits).tolist() == [1]
    assert one.act(observations, logits).tolist() == [2]
    faults(sandbox, act("return 7"), "protocol")
    assert two.act(observations, logits).tolist() == [2]
    sandbox.close()
    for session in (one, two):
        dead(session)

"""What every sandbox must do: a suite for both of ours and for any third one.

Call `conform(factory)`, or each of `CHECKS`, from a test; a check that fails raises AssertionError. The factory makes sandboxes
for four actions. The sources here are unscreened on purpose: a sandbox must contain whatever the screen lets through.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ouroloop.protocols.ports import Sandbox, Session
from ouroloop.sandbox.probes import GREEDY, act, bank, faults
from ouroloop.sandbox.walls import (
    finds_faults,
    holds_what_breaks_out,
    imports_what_is_listed,
    keeps_sessions_apart,
    refuses_bad_sources,
)

Factory = Callable[[], Sandbox]


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

    def cells(row: int, key: str) -> list[int]:
        found: list[int] = np.array(observations.row(row)[key]).tolist()
        return found

    checks: tuple[tuple[str, Callable[[int], int]], ...] = (
        ('return 3 if list(observation) == ["size", "board", "snake", "food", "idle"] else 0', lambda i: 3),
        ("return observation['snake'][-1] % 4", lambda i: cells(i, "snake")[-1] % 4),
        ("return len(observation['snake']) % 4", lambda i: len(cells(i, "snake")) % 4),
        ("return sum(observation['board']) % 4", lambda i: sum(cells(i, "board")) % 4),
        ("return int(abs(logits[2]) * 1e6) % 4", lambda i: int(abs(float(logits[i, 2])) * 1e6) % 4),
    )
    for body, expected in checks:
        session = sandbox.open(act(body))
        assert session.act(observations, logits).tolist() == [expected(i) for i in range(20)], body
        session.close()


def gives_fresh_rows(sandbox: Sandbox) -> None:
    """A controller that modifies its observation changes no other row."""
    body = 'n = sum(observation["board"]) + len(observation)\n    observation["board"][:] = [0]\n    observation.clear()'
    source = act(body + "\n    logits.clear()\n    return n % 4")
    observations, logits = bank(1)
    same = np.zeros(50, np.int64)
    session = sandbox.open(source)
    assert len(set(session.act(observations.take(same), logits[same]).tolist())) == 1
    session.close()


def adds_in_order(sandbox: Sandbox) -> None:
    """Floats are added one by one in every interpreter, although the built-in `sum` compensates since Python 3.12."""
    session = sandbox.open(act("return 1 if sum([0.1] * 10) == 1.0 else 2"))
    assert session.act(*bank(1)).tolist() == [2]
    session.close()


def keeps_sets_in_order(sandbox: Sandbox) -> None:
    """Sets of every kind iterate in the order of insertion, and otherwise work as sets do."""
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
        session = sandbox.open(head + act(f"return 3 if {truth} else 0"))
        assert session.act(*bank(1)).tolist() == [3], truth
        session.close()
    for change in ("S.add(1)", "S.update([1])", "S.clear()", "S.intersection_update([1])"):
        faults(sandbox, head + act(f"{change}\n    return 0"), "sandbox")


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

"""Nothing that a module holds carries state from one call to the next, and honest controllers notice nothing of that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.ports import Sandbox
from ouroloop.sandbox.choose import choose
from ouroloop.sandbox.probes import bank
from tests.sandbox.fuzz.frozen import check
from tests.sandbox.guest.native import played
from tests.sandbox.guest.states import HEAD, HOARDS, HONEST


@pytest.mark.parametrize("name", HOARDS)
def test_nothing_is_remembered(name: str) -> None:
    found = played(HOARDS[name])
    assert len(set(found)) == 1, found
    # A constant that is changed is a fault; one that is copied is another value in each call.
    assert found[0] != 1


@pytest.mark.parametrize("name", HONEST)
def test_constants_are_what_they_are(name: str) -> None:
    assert played(HEAD.replace("TRUTH", HONEST[name]), 2) == [3, 3]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wasm", pytest.param("docker", marks=pytest.mark.docker)])
def test_each_sandbox_forgets_and_reads_alike(kind, toolkit: str) -> None:
    sandbox = choose(kind, toolkit, 4)
    some = list(HOARDS.items())[::8]
    remembered = {name: found for name, source in some if (found := asked(sandbox, source)) != played(source)}
    truths = "all([" + ", ".join(f"({truth})" for truth in HONEST.values()) + "])"
    assert asked(sandbox, HEAD.replace("TRUTH", truths)) == [3] * 4
    sandbox.close()
    assert remembered == {}


def asked(sandbox: Sandbox, source: str) -> list[object]:
    """Return what `played` does, of a sandbox, in which a fault is the last answer."""
    try:
        session = sandbox.open(source)
        found = [int(session.act(*bank(1))[0]) for _ in range(4)]
        session.close()
    except CandidateFault as fault:
        kind = fault.reason.partition(" raised ")[2].split()[0]
        return [kind] if fault.reason.startswith("loading") else [kind] * 4
    return found


@given(st.binary(max_size=12))
def test_a_constant_reads_as_the_plain_value_and_never_changes(data: bytes) -> None:
    check(data)

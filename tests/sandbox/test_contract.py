from __future__ import annotations

import numpy as np
import pytest

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.contract import check_contract
from ouroloop.sandbox.probes import GREEDY, bank
from ouroloop.sandbox.wasm.sandbox import WasmSandbox
from tests.sandbox.processes import children

IMPURE = {
    "counts calls": "kept.append(0)\n    return len(kept) % 4",
    "turns after a while": "kept.append(0)\n    return int(len(kept) > 400)",
    "looks at the row before": "kept.append(observation['food'] % 4)\n    return ([0] + kept)[-2]",
    "remembers the first answer": "kept.append(observation['food'] // 7 % 4)\n    return kept[0]",
    "repeats badly": "kept.append(list(observation['board']))\n    return int(kept[-2:-1] == kept[-1:])",
}
"""Controllers that remember, in attributes, which the screen refuses; what a module holds, the worker freezes."""
KEPT = "def act(observation, logits):\n    kept = act.__dict__.setdefault('kept', [])\n    "


def test_a_pure_controller_keeps_its_contract(wasm: WasmSandbox) -> None:
    observations, logits = bank(300)
    assert check_contract(wasm, GREEDY, observations, logits).tolist() == logits.argmax(1).tolist()


@pytest.mark.parametrize("name", IMPURE)
def test_memory_is_found(wasm: WasmSandbox, name: str) -> None:
    with pytest.raises(CandidateFault) as caught:
        check_contract(wasm, f"{KEPT}{IMPURE[name]}\n", *bank(300))
    assert caught.value.layer == "contract"


def test_a_fault_on_any_row_is_found_and_workers_are_closed(wasm: WasmSandbox) -> None:
    observations, logits = bank(300)
    logits[271] = np.float32(5.0)
    source = "def act(observation, logits):\n    return 9 if min(logits) == 5.0 else 0\n"
    others = children()
    wasm.open(GREEDY).close()
    wasm.await_warm()
    ready = len(children() - others)
    with pytest.raises(CandidateFault) as caught:
        check_contract(wasm, source, observations, logits)
    assert caught.value.layer == "protocol"
    wasm.await_warm()
    assert len(children() - others) == ready > 0


def test_ties_and_extremes_are_tried(wasm: WasmSandbox) -> None:
    source = "def act(observation, logits):\n    return 1 // (max(logits) - min(logits) > 0)\n"
    with pytest.raises(CandidateFault, match="ZeroDivisionError at line 2"):
        check_contract(wasm, source, *bank(40))

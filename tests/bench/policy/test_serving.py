"""The serving benchmark: what it makes of rates, and how it talks to the process that it compares with."""

import sys

import numpy as np
import pytest

from ouroloop.bench.peers.servers import running
from ouroloop.bench.policy.rates import BATCHES, ROUNDS, Speed, interleaved, speedups, table
from ouroloop.bench.policy.serving import deciding
from ouroloop.envs.snake.encodings import ACTIONS
from ouroloop.protocols.errors import SurroundingsError

PEER = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    what, *rest = line.split()
    if what == "moves":
        print(json.dumps({"tokens": [int(token) for token in reversed(rest)]}), flush=True)
    elif rest[0] == "13":
        print("out of luck", file=sys.stderr)
        sys.exit(1)
    else:
        print(json.dumps({"decisions": int(rest[0]), "wall_s": float(rest[1]), "cpu_s": 0.5}), flush=True)
"""


def steady(cpu, wall):
    speed = Speed()
    speed.add(100, 100 / wall, 100 / cpu)
    return speed


def test_compares_the_best_of_each():
    speeds = {
        "ours float32": {1: steady(100, 90), 64: steady(900, 800)},
        "ours bfloat16": {1: steady(9000, 9000), 64: steady(9000, 9000)},
        "transformers float32": {1: steady(10, 10), 64: steady(450, 400)},
        "vllm float32": {1: steady(10, 9), 64: steady(150, 160)},
        "vllm bfloat16": {1: steady(300, 100), 64: steady(200, 200)},
    }
    found = speedups(speeds)
    assert found["speedup_over_vllm_by"] == {"cpu": 3.0, "wall": 4.0}
    assert (found["speedup_over_vllm"], found["speedup_over_transformers"]) == (3.0, 2.0)
    alone = {name: of for name, of in speeds.items() if not name.startswith("vllm")}
    assert speedups(alone)["speedup_over_vllm"] is None


def test_rounds_are_interleaved_after_a_warm_up():
    calls = []

    def player(name):
        def work(batch, seconds):
            calls.append((name, batch, seconds))
            return batch, 2.0, 1.0

        return work

    speeds = interleaved({"a": player("a"), "b": player("b")}, 0.25, lambda what, share: None)
    assert [name for name, _, _ in calls[:4]] == ["a", "b", "a", "b"]
    assert [seconds for _, _, seconds in calls[: 2 * len(BATCHES)]] == [0.0] * 2 * len(BATCHES)
    assert len(calls) == 2 * len(BATCHES) * (ROUNDS + 1)
    rows = table(speeds, lambda speed: speed.wall)
    assert rows[-1] == {"batch": BATCHES[-1], "a": BATCHES[-1] / 2, "b": BATCHES[-1] / 2}
    assert len(speeds["a"][1].per_cpu_s) == ROUNDS


def test_every_position_has_its_turn():
    seen = []

    def logits(rows):
        seen.extend(rows)
        return np.zeros((len(rows), 4), np.float32)

    class Bank(list):
        def take(self, rows):
            return [self[row] for row in rows]

    work = deciding(logits, Bank(range(10)))
    assert work(4, 0.0)[0] == 0
    done = work(4, 0.01)[0] + work(4, 0.01)[0]
    assert done == len(seen) >= 20
    assert seen == [row % 10 for row in range(done)]


def test_talks_to_a_peer_and_ends_it(tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{PEER}")
    python.chmod(0o755)
    with running(python, tmp_path, tmp_path, "float32") as peer:
        assert peer.rate(16, 0.25) == (16, 0.25, 0.5)
        assert peer.moves().tolist() == list(range(len(ACTIONS)))[::-1]
    assert peer.process.poll() is not None
    with (
        pytest.raises(SurroundingsError, match=r"(?s)make vllm.*out of luck"),
        running(python, tmp_path, tmp_path, "float32") as peer,
    ):
        peer.rate(13, 0.1)

"""The sections of `bench policy`, cut down to seconds: what they measure is real, and little of it."""

import json

import numpy as np
import pytest

from ouroloop.bench.policy import alone as policy_alone
from ouroloop.bench.policy import failures as policy_failures
from ouroloop.bench.policy import gain as policy_gain
from ouroloop.bench.policy import quantise as policy_quantise
from ouroloop.bench.policy.base import write_policy
from ouroloop.bench.policy.failures import Case, Said
from ouroloop.bench.policy.gate import summary, verdict
from ouroloop.bench.policy.report import demands
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import HfPolicy, open_policy
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.report import TrainingReport
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.settings import Shape
from ouroloop.policy.sft.fit import SftConfig
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.snake_gpt import create, save
from ouroloop.terminal import text_of

TINY = Shape(hidden=16, layers=1, heads=2, intermediate=16)


def quiet(what, fraction):
    """A report that nobody hears."""


class Upward:
    """Always goes up."""

    def logits(self, observations):
        return np.tile(np.array([1, 0, 0, 0], np.float32), (len(observations), 1))


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    out = tmp_path_factory.mktemp("policies") / "untrained"
    save(create(SnakeTask(6), TINY, 0), out)
    return out


def test_from_scratch(monkeypatch):
    monkeypatch.setattr(policy_alone, "SCRATCH", SftConfig(steps=4, batch=8, positions=64, curve=2, shape=TINY))
    monkeypatch.setattr(policy_alone, "SCRATCH_GAMES", 6)
    told = []
    found = json.loads(json.dumps(policy_alone.measure_scratch(lambda _, fraction: told.append(fraction), seed=1)))
    assert [step for step, *_ in found["curve"]] == [2, 4]
    assert 0 < found["curve"][0][1] <= found["curve"][1][1] <= found["wall_s"] < 60
    assert (found["games"], found["threads"], found["steps"]) == (6, 1, 4)
    assert found["met"] is False
    assert told == sorted(told)


def test_the_shipped_alone(monkeypatch):
    monkeypatch.setattr(policy_alone, "SHIPPED_GAMES", 4)
    monkeypatch.setattr(policy_alone, "ANCHORS_SIZE", 6)
    monkeypatch.setattr(policy_alone, "shipped_policies", lambda: ("snake-gpt-6x6",))
    found = policy_alone.measure_shipped(quiet, seed=0)
    (row,) = found["rows"]
    assert row["score"]["mean"] > 20
    assert row["anchors"] == policy_alone.ANCHORS
    assert row["met"] is False
    monkeypatch.setattr(policy_alone, "ANCHORS_SIZE", 10)
    again = policy_alone.shipped("snake-gpt-6x6", 0)
    rates = [found.pop("decisions_per_s") for found in (row, again)]
    assert again == {**row, "anchors": None, "met": None}
    assert min(rates) > 1


def test_the_gate_takes_the_better_and_rejects_the_worse():
    good = LocalPolicy(find_policy("snake-gpt-6x6"))
    worse, better = verdict(SnakeTask(6), good, Upward(), 3), verdict(SnakeTask(6), Upward(), good, 3)
    assert (worse["outcome"], worse["layer"], worse["race"]["accepted"]) == ("rejected", "oracle", False)
    assert (better["outcome"], better["layer"]) == ("accepted", "gate")
    assert better["race"]["e_value"] >= 1 / better["race"]["level"]
    assert better["race"]["low"] > 0 > worse["race"]["utility"]
    counted = summary([worse, better, worse])
    assert {key: counted[key] for key in ("accepted", "rejected", "layers", "rejected_by_race")} == {
        "accepted": 1,
        "rejected": 2,
        "layers": {"oracle": 2},
        "rejected_by_race": 2,
    }


def test_the_same_policy_is_not_taken():
    found = verdict(SnakeTask(6), Upward(), Upward(), 0)
    assert (found["outcome"], found["layer"]) == ("rejected", "gate")
    assert found["race"]["utility"] == 0


@pytest.mark.slow
def test_three_rewards(monkeypatch, untrained):
    small = {"steps": 4, "states": 8, "horizon": 4, "crews": 2, "games": 8, "stagger": 2, "truth_every": 2, "truth_games": 8}
    monkeypatch.setattr(policy_gain, "KNOBS", GrpoConfig(**small))
    monkeypatch.setattr(policy_gain, "GAMES", 16)
    monkeypatch.setattr(
        policy_gain, "half_learned", lambda task, *_: (untrained, 72, policy_gain.played(task, untrained) + 1.0)
    )
    found = json.loads(json.dumps(policy_gain.measure(quiet, seeds=1)))
    assert found["settings"]["steps"] == small["steps"]
    for kind in ("useful", "useless", "harmful"):
        trial = found[kind]
        assert trial["gain"]["low"] <= trial["gain"]["mean"] <= trial["gain"]["high"]
        assert trial["gate"]["accepted"] + trial["gate"]["rejected"] == len(trial["score"]) == 1
    assert set(found["met"]) == {"useful", "useless", "alarm", "gate", "cpu_s"}
    assert "GRPO from a score" in text_of(demands.demands({"gain": found}))


def test_the_gate_is_asked_about_what_no_alarm_has_stopped(monkeypatch, untrained, tmp_path):
    """Where an alarm stops a training, it is held again with all alarms only noted, and that is what the gate judges."""
    held, first = [], policy_gain.FIRST_SEED

    def train_grpo(task, start, reward, gamma_at, config, seed, out):
        held.append((seed - first, bool(config.limits.stops), config.env_weight))
        save(create(SnakeTask(6), TINY, len(held)), out)
        stopped = "reward hacking at step 5" if config.limits.stops and seed == first + 1 else None
        return TrainingReport(5, (0.0,), {}, ((0, 1.0),), stopped=stopped)

    monkeypatch.setattr("ouroloop.policy.grpo.fit.train_grpo", train_grpo)
    monkeypatch.setattr(policy_gain, "GAMES", 8)
    scores = policy_gain.played(SnakeTask(6), untrained) + 1.0
    found = policy_gain.run_trial(SnakeTask(6), policy_gain.TRIALS[-1], untrained, scores, 3, tmp_path)
    assert held == [(0, True, 0.0), (1, True, 0.0), (1, False, 0.0), (2, True, 0.0)]
    assert (found["rang"], found["stopped_at"], len(found["gate"]["verdicts"])) == (1, [5], 3)


def test_what_is_to_hold_of_the_three_rewards():
    def trial(low, mean, rang=0, rejected=0):
        return {"gain": {"low": low, "mean": mean}, "rang": rang, "gate": {"rejected": rejected}}

    found = {"useful": trial(0.01, 0.2), "useless": trial(-0.1, 0.1), "harmful": trial(0, 0, 3, 3)}
    assert policy_gain.met(found, 3) == dict.fromkeys(("useful", "useless", "alarm", "gate"), True)
    found = {"useful": trial(0.01, 0.09), "useless": trial(0.01, 0.1), "harmful": trial(0, 0, 2, 2)}
    assert policy_gain.met(found, 3) == dict.fromkeys(("useful", "useless", "alarm", "gate"), False)
    assert not policy_gain.met(found | {"useful": trial(-0.01, 0.5)}, 3)["useful"]


def test_fewer_bits(monkeypatch, untrained):
    monkeypatch.setattr(policy_quantise, "shipped_policies", lambda: (str(untrained),))
    monkeypatch.setattr(policy_quantise, "GAMES", 3)
    monkeypatch.setattr(policy_quantise, "POSITIONS", 16)
    monkeypatch.setattr(policy_quantise, "BASE", Shape(hidden=64, layers=1, heads=1, intermediate=64))
    monkeypatch.setattr(policy_quantise, "BASE_POSITIONS", 8)
    told = []
    found = json.loads(json.dumps(policy_quantise.measure(lambda _, fraction: told.append(fraction), seed=0)))
    precisions = ["fp32", "bf16", "int8", "nf4"]
    for rows in (found["rows"], found["base"]["rows"]):
        assert [row["precision"] for row in rows] == precisions
        assert rows[0]["megabytes"] > rows[1]["megabytes"] > 0
        assert (rows[0]["agreement"], rows[0]["deviation"]) == (1, 0)  # the first row is what the others are held against
        assert rows[3]["deviation"] > 0
    played = policy_gain.played(SnakeTask(6), untrained).max()
    assert all(0 <= row["score"]["low"] <= row["score"]["mean"] <= played for row in found["rows"])
    assert all(row["score"] is None for row in found["base"]["rows"])
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_base_of_bytes(tmp_path):
    base = open_policy(write_policy(tmp_path / "base", 6, TINY), task=SnakeTask(6))
    seen = SnakeTask(6).positions(1, 64).observations()  # the longest snakes too, whose prompts the base must be able to read
    assert seen.lengths["snake"].max() > 30
    assert HfPolicy(base).logits(seen).shape == (64, 4)
    assert len(set(base.actions)) == 4


def test_checkpoints_and_names_that_are_wrong_have_one_clear_error():
    found = policy_failures.measure(quiet, ("board", "vocabulary", "token for an action", "unknown"))
    assert [row["exit_code"] for row in found["rows"]] == [2, 2, 2, 2, 2, 2, 3, 2]
    assert found["all_clear"], [row["said"] for row in found["rows"] if not row["one_clear_error"]]
    assert all(row["said"].startswith("ouroloop: error: ") for row in found["rows"])
    assert not any("/tmp" in row["said"] + row["command"] for row in found["rows"])


def test_a_loss_that_is_not_finite():
    (row,) = policy_failures.measure(quiet, ("SFT",))["rows"]
    assert (row["exit_code"], row["kept"], row["one_clear_error"]) == (1, True, True)


@pytest.mark.slow
def test_memory_that_runs_out():
    rows = policy_failures.measure(quiet, ("out of memory, training",))["rows"]
    if not rows:
        pytest.skip("memory cannot be limited here")
    for row in rows:
        assert (row["exit_code"], row["kept"]) == (0, True)
        assert "memory" in row["said"]


@pytest.mark.parametrize(
    ("said", "kept", "clear"),
    [
        (Said(2, ["ouroloop: error: no such thing"]), None, True),
        (Said(2, ["ouroloop: error: no such thing"]), True, True),
        (Said(2, ["ouroloop: error: no such thing"]), False, False),
        (Said(1, ["ouroloop: error: no such thing"]), None, False),
        (Said(2, ["a warning", "ouroloop: error: no such thing"]), None, False),
        (Said(2, ["ouroloop: error: nothing"]), None, False),
        (Said(2, []), None, False),
    ],
)
def test_what_is_clear(said, kept, clear):
    case = Case("a case", ["eval", "--policy", "/scratch/x"], 2, ("no such",), None, None if kept is None else lambda: kept)
    found = policy_failures.row(case, said, "/scratch")
    assert found["one_clear_error"] is clear
    assert found["command"] == "ouroloop eval --policy x"


def test_an_escaped_exception_is_a_finding(monkeypatch):
    from ouroloop.cli import main as cli

    def breaks(arguments):
        raise KeyError("lost")

    monkeypatch.setattr(cli, "call", breaks)
    said = policy_failures.run(["eval"])
    assert said.code == 1
    assert len(said.lines) > 1
    assert said.lines[-1] == "KeyError: 'lost'"

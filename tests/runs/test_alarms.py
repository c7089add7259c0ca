"""Alarms of a training: they travel from the child to the ledger, and one that stopped it rejects the candidate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ouroloop.bench.gate.arena import arena
from ouroloop.envs.registry import TaskSettings
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.ledger.steps import train as steps
from ouroloop.ledger.steps.propose import Proposed, candidates
from ouroloop.ledger.steps.screen import Screening, screen
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.report import Alarm
from ouroloop.policy.settings import Shape
from ouroloop.policy.snake_gpt import create, save
from ouroloop.protocols.canonical import canonical
from ouroloop.protocols.records import Candidate, RewardSpec
from ouroloop.runs.executors.local import Job, Report, Trained, run_job, termed
from ouroloop.runs.phases.assemble import trained
from ouroloop.runs.phases.train import train

SPEC = RewardSpec.model_validate(
    {
        "terms": [
            {"name": "fasting", "expr": "ate", "weight": -2.0},
            {"name": "room", "expr": "space", "weight": 0.5, "clip": 0.4},
        ],
        "gamma_r": 0.5,
    }
)
HACKED = Alarm("reward_hacking", 50, -3.0, 0.0, "the return of the reward rose by 1 while the true score fell", "stop")
NOTE = Alarm("kl_old", 12, 0.05, 0.03, "the policy moves too far on one batch", "note")


class ScriptedTrainers:
    """Trains nothing; says what it was told to say of each candidate."""

    def __init__(self, said: dict[str, Trained]) -> None:
        self.said = said

    def threads(self, cores: int) -> int:
        return 1

    def run(self, jobs: Iterable[Job], report: Report) -> Iterator[tuple[Job, Trained]]:
        for job in jobs:
            job.out.mkdir(parents=True)
            (job.out / "weights").write_text(job.name)
            yield job, self.said[job.name.removeprefix("grpo ")]


def test_alarms_are_in_the_ledger_and_what_stops_a_training_rejects_its_candidate(tmp_path: Path) -> None:
    said = {
        "r0-reward1": Trained({"kl": 0.1}, (asdict(NOTE), asdict(HACKED)), str(HACKED)),
        "r0-reward2": Trained({"kl": 0.2}, (asdict(NOTE),)),
    }
    found = [Candidate(name, "test", "", reward=SPEC.model_dump_json()) for name in said]
    with arena(tmp_path / "run", "def act(observation, logits):\n    return 0\n", seed=1) as run:
        trainers: Any = ScriptedTrainers(said)
        run.trainers = trainers
        run.step(candidates(0), {}, lambda: Proposed(tuple(found)))
        for candidate in found:
            assert candidate.reward is not None
            screen(0, candidate).record(run.ledger, {}, Screening("passed", reward=run.store.put_text(candidate.reward)))
        train(run, 0)
        first = run.result(steps.train(0, 0, "r0-reward1"))
        assert [alarm.name for alarm in first.alarms] == ["kl_old", "reward_hacking"]
        assert first.stopped == str(HACKED)
        assert first.policy is not None
        assert run.store.directory(first.policy).is_dir()
        verdict = run.verdict(0, found[0])
        assert (verdict.outcome, verdict.layer) == ("rejected", "training")
        assert verdict.reason.startswith("reward hacking at step 50")
        assert verdict.training == {"kl": 0.1}
        assert run.find(steps.train(0, 1, "r0-reward1")) is None
        assert run.undecided(0) == found[1:]
        assert [asdict(alarm) for alarm in trained(run, 0, found[1]).alarms] == [asdict(NOTE)]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alarms") / "start"
    save(create(SnakeTask(6), Shape(hidden=32, intermediate=48), 1), out)
    return out


SMALL = {"steps": 4, "states": 6, "group": 4, "crews": 2, "games": 8, "stagger": 3, "horizon": 5, "truth_games": 4}


def job(start: Path, out: Path, progress: tuple[float, float] = (0.0, 1.0), **settings: Any) -> Job:
    return Job("grpo x", TaskSettings(size=6), GrpoConfig(**SMALL | settings), 1, out, 1, start, SPEC, progress)


def test_a_job_says_what_rang_and_what_each_term_paid(start: Path, tmp_path: Path) -> None:
    limits = {"window": 1, "grad_norm": 1e-9, "stops": ["grad_norm"]}
    found = run_job(job(start, tmp_path / "out", limits=limits), lambda *args: None)
    assert found.stopped is not None
    assert found.stopped.startswith("grad norm at step 1")
    assert {"term fasting", "term room"} <= set(found.health)
    assert found.health["term room"] > 0
    assert "grad_norm" in [alarm["name"] for alarm in found.alarms]
    canonical(asdict(found))  # it can be recorded
    assert (tmp_path / "out").is_dir()


def test_only_the_first_stage_warms_up(start: Path, tmp_path: Path) -> None:
    paid: dict[float, list[float]] = {}
    for low, high in ((0.0, 0.5), (0.5, 1.0)):
        told = paid.setdefault(low, [])
        run_job(
            job(start, tmp_path / "out", (low, high), warmup=0.5, iterations=1),
            lambda stage, done, figures, told=told: told.append(figures["return_spec"]),
        )
    assert paid[0.0][:3] == [0, 0, 0]
    assert all(paid[0.5])


def test_terms_add_up_to_the_reward() -> None:
    task = SnakeTask(6)
    reward = termed(SPEC, list(task.features))
    features = task.positions(1, 20).step_features(task.teach("greedy", task.positions(1, 20)))
    assert set(reward.terms) == {"fasting", "room"}
    assert sum(term(features) for term in reward.terms.values()) == pytest.approx(reward(features), abs=1e-6)

"""The table of distillation: its form, and what must be equal in it."""

import pytest

from ouroloop.bench.policy import distill as policy_distill
from ouroloop.bench.policy import students
from ouroloop.policy.distill.fit import DistillConfig
from ouroloop.policy.grpo.fit import GrpoConfig
from ouroloop.policy.settings import Shape
from ouroloop.policy.sft.fit import SftConfig

SMALL = Shape(hidden=16, layers=1, heads=2, intermediate=16)


@pytest.mark.slow
def test_every_stage_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lessons = {"steps": 3, "batch": 16, "positions": 100}
    monkeypatch.setattr(students, "TEACHER", SftConfig(shape=Shape(hidden=32, intermediate=32), **lessons))
    monkeypatch.setattr(students, "SCRATCH", SftConfig(shape=SMALL, **lessons))
    student = DistillConfig(
        shape=SMALL,
        logits=3,
        features=2,
        preferences=2,
        batch=16,
        positions=100,
        round_positions=50,
        preference_positions=100,
        curve=0,
        grpo=GrpoConfig(steps=7, states=4, group=4, horizon=4, crews=2, games=8, stagger=2, truth_games=4),
    )
    monkeypatch.setattr(students, "STUDENT", student)
    monkeypatch.setattr(policy_distill, "GAMES", 8)
    monkeypatch.setattr(policy_distill, "POSITIONS", 64)
    monkeypatch.setattr(policy_distill, "SECONDS", 0.01)
    told: list[float] = []
    found = policy_distill.measure(lambda _, done: told.append(done))
    rows = {row["policy"]: row for row in found["rows"]}
    assert list(rows) == ["teacher, SFT", "student, SFT", "logit KD", "+ feature KD", "+ DPO", "+ GRPO"]
    assert [row["steps"] for row in rows.values()] == [3, 3, 3, 5, 7, 9]
    assert rows["teacher, SFT"]["agreement"] == 1
    assert len({row["parameters"] for row in list(rows.values())[1:]}) == 1
    assert rows["logit KD"]["mb"] < rows["teacher, SFT"]["mb"]
    assert all(row["score"]["low"] <= row["score"]["mean"] <= row["score"]["high"] for row in rows.values())
    assert rows["logit KD"]["cpu_s"] < rows["+ feature KD"]["cpu_s"]
    assert told == sorted(told)
    assert told[-1] <= 1

"""What a run starts from: a shipped policy by its name, a directory, a base with an adapter."""

from __future__ import annotations

import importlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from ouroloop.agents.roles import ROLES
from ouroloop.envs.registry import TaskSettings
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.start import SCORE
from ouroloop.ledger.store import Store
from ouroloop.perception.config import ReaderConfig
from ouroloop.policy.bases import Base, load_base, open_policy, save_policy
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.settings import LoraSettings, Shape
from ouroloop.policy.sft.config import SftConfig
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.snake_gpt import create as create_policy
from ouroloop.policy.snake_gpt import save
from ouroloop.protocols.errors import LedgerError, SurroundingsError, UsageError
from ouroloop.protocols.messages import RewardProposal, RewardReply, RewardRequest
from ouroloop.protocols.records import Frozen, RewardSpec
from ouroloop.runs import lifecycle
from ouroloop.runs.beginning.models import base_fingerprint
from ouroloop.runs.executors.local import Job, Trainers
from ouroloop.runs.phases.start import start
from ouroloop.runs.players import KEPT_BASES, InTurn, Players
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import identity, recipe_toml
from tests.policy.checkpoints import checkpoint
from tests.runs.small_run import micro, run_micro

SPEC = '{"terms": [{"name": "meals", "expr": "ate", "weight": 1.0}], "gamma_r": 0.3}'
TASK = SnakeTask(6)


class NoConfig(Frozen):
    """Nothing to set."""


class OneReward:
    """Answers `reward.design` with one sound reward."""

    name = "one-reward"
    method: ClassVar[str] = "reward.design"
    Config: ClassVar[type[NoConfig]] = NoConfig
    Request: ClassVar[type[RewardRequest]] = RewardRequest
    Reply: ClassVar[type[RewardReply]] = RewardReply

    def __init__(self, config: NoConfig) -> None:
        pass

    async def act(self, request: RewardRequest) -> RewardReply:
        return RewardReply(proposals=(RewardProposal(spec=SPEC, rationale="meals"),))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random checkpoint of Qwen2, made as the tests of policies make them."""
    return checkpoint(tmp_path_factory.mktemp("start") / "qwen", "qwen")


@pytest.fixture(scope="module")
def adapted(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy directory: an adapter on that base."""
    out = tmp_path_factory.mktemp("start") / "adapted"
    save_policy(load_base(base, SnakeTask(6), encoding="json", adapter=LoraSettings(rank=2), dtype=torch.float32), out)
    return out


@pytest.mark.parametrize(
    ("override", "error", "said"),
    [
        ("start.policy=snake-gpt-6x7", UsageError, "did you mean snake-gpt-6x6"),
        ("start.policy=nowhere", UsageError, "no directory and no shipped policy"),
        ("start.policy=snake-gpt-10x10", UsageError, "size 10, found size 6"),
        (f"start.policy={Path(__file__).parent}", UsageError, "no policy directory"),
        ("sft.base=owner/model-that-is-not-here", SurroundingsError, "hf download owner/model-that-is-not-here"),
    ],
)
def test_a_start_that_cannot_be_is_one_error_before_anything_is_written(
    override: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said) as caught:
        lifecycle.create(micro(override), tmp_path / "r", Quiet(notes=False))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()


def test_a_controller_that_only_the_sandbox_refuses_is_refused_before_the_policy_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = tmp_path / "seven.py"
    controller.write_text("def act(observation, logits):\n    return 7\n")

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("the policy was opened")

    monkeypatch.setattr("ouroloop.policy.bases.open_policy", refuse)
    recipe = micro("start.policy=snake-gpt-6x6", "task.walls=0.06", f"start.controller={controller}")
    with pytest.raises(UsageError, match=r"start.controller .*seven\.py is refused at layer"):
        lifecycle.create(recipe, tmp_path / "r", Quiet(notes=False))
    assert not (tmp_path / "r").exists()


def test_a_shipped_policy_by_its_name_starts_a_run_without_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle.create(micro("start.policy=snake-gpt-6x6", "task.walls=0.06"), tmp_path / "r", Quiet(notes=False))
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:

        def refuse(*_: Any) -> None:
            pytest.fail("a training was asked for")

        monkeypatch.setattr(run.trainers, "run", refuse)
        start(run)
        folder, shipped = run.store.directory(run.incumbent().policy), find_policy("snake-gpt-6x6")
        assert run.result(SCORE).measures.score.mean > 1
    assert (folder / "model.safetensors").read_bytes() == (shipped / "model.safetensors").read_bytes()
    named = {path.name for path in folder.iterdir()}
    assert {path.name for path in shipped.iterdir()} - named == {"README.md", "training.json", "curve.png"}
    assert not list((tmp_path / "r" / "artifacts").glob(".work-*"))


@pytest.mark.slow
def test_a_base_with_an_adapter_plays_and_is_trained_in_a_run(adapted: Path, tmp_path: Path) -> None:
    folder = run_micro(
        tmp_path / "r",
        f"start.policy={adapted}",
        f"roles.reward_designer.use={__file__}:OneReward",
        "roles.code_patcher.count=1",
        "grpo.states=8",
        "grpo.games=8",
        "grpo.crews=2",
        "grpo.steps=2",
        "halving.stages=1",
        "grpo.learning_rate=0.01",
        "grpo.truth_games=4",
        "gate.positions=16",
        "gate.games=8",
        "gate.watch_games=8",
        "gate.search_games=8",
        "budget.rounds=1",
    )
    ledger = Ledger(folder / "ledger.sqlite")
    trained = {step.key: step.result for step in ledger.steps(methods=("policy.train",))}
    verdicts = [step.result for step in ledger.steps(methods=("run.verdict",))]
    ledger.close()
    result = trained["1/train/0/r1-reward1"]
    assert result["error"] is None
    assert verdicts
    before, after = (
        open_policy(folder / "artifacts" / digest) for digest in (trained["start/policy"]["policy"], result["policy"])
    )
    assert isinstance(after, Base)
    assert after.adapter == LoraSettings(rank=2)
    weights = dict(before.model.named_parameters())
    moved = {name for name, weight in after.model.named_parameters() if not torch.equal(weight, weights[name])}
    assert moved
    assert all("lora" in name for name in moved)


def players(folder: Path) -> Players:
    sandbox: Any = None
    return Players(TASK, Store(folder), sandbox, lambda: 0)


def copies(policy: Path, store: Store, count: int) -> list[str]:
    """Keep a policy some times, each under a hash of its own."""
    digests = []
    for number in range(count):
        copy = store.scratch_dir() / "policy"
        shutil.copytree(policy, copy)
        (copy / "number").write_text(str(number))
        digests.append(store.put_dir(copy))
    return digests


def test_threads_get_the_answers_of_a_base_that_one_alone_gets(adapted: Path, tmp_path: Path) -> None:
    house = players(tmp_path)
    policy = house.policy(copies(adapted, house.store, 1)[0])
    assert isinstance(policy, InTurn)
    boards = [TASK.positions(seed, 8).observations() for seed in range(8)]
    alone = [policy.logits(seen) for seen in boards]
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(policy.logits, boards))
    assert all(np.array_equal(a, b) for a, b in zip(alone, beside, strict=True))
    assert all(found.shape == (8, 4) for found in beside)


def test_few_bases_stay_loaded_and_many_snake_gpts(adapted: Path, tmp_path: Path) -> None:
    for policy, stay in ((adapted, KEPT_BASES), (find_policy("snake-gpt-6x6"), 4)):
        house = players(tmp_path / policy.name)
        digests = copies(policy, house.store, 4)
        loaded = [house.policy(digest) for digest in digests]
        kept = range(4 - stay, 4)
        assert [house.policy(digests[i]) is loaded[i] for i in kept] == [True] * stay
        if stay < 4:
            assert house.policy(digests[kept[0] - 1]) is not loaded[kept[0] - 1]


def test_a_base_that_has_gone_stops_the_run_and_rejects_no_candidate(adapted: Path, tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    shutil.copytree(adapted, lost)
    card = json.loads((lost / "base.json").read_text())
    (lost / "base.json").write_text(json.dumps(card | {"base": "owner/model-that-is-not-here"}))
    job = Job("grpo x", TaskSettings(), GrpoConfig(steps=1), 1, tmp_path / "o", 1, lost, RewardSpec.model_validate_json(SPEC))
    trainers = Trainers(1)
    with pytest.raises(SurroundingsError, match="is not on this machine"):
        list(trainers.run([job], lambda *_: None))
    trainers.close()


def test_another_base_in_the_same_place_is_another_training(base: Path, tmp_path: Path) -> None:
    place = tmp_path / "base"
    shutil.copytree(base, place)
    first = base_fingerprint(SftConfig(base=str(place)))
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3}))
    assert first
    assert base_fingerprint(SftConfig(base=str(place))) != first
    assert base_fingerprint(SftConfig()) == ""
    assert base_fingerprint(ReaderConfig()) == ""


def test_given_files_are_kept_as_the_run_is_made_and_are_not_read_again(tmp_path: Path) -> None:
    controller, reward, policy = tmp_path / "mine.py", tmp_path / "mine.json", tmp_path / "policy"
    controller.write_text("def act(observation, logits):\n    return 1\n")
    reward.write_text(SPEC)
    save(create_policy(TASK, Shape(hidden=32, intermediate=48), 1), policy)
    named = (f"start.controller={controller}", f"start.reward={reward}", f"start.policy={policy}")
    lifecycle.create(micro(*named), tmp_path / "r", Quiet(notes=False))
    controller.write_text("def act(observation, logits):\n    return 2\n")
    reward.unlink()
    shutil.rmtree(policy)
    with lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run:
        start(run)
        build = run.incumbent()
        assert "return 1" in run.store.text(build.controller)
        assert json.loads(run.store.text(build.reward))["gamma_r"] == 0.3
        assert (run.store.directory(build.policy) / "config.json").is_file()


@pytest.mark.parametrize(
    ("key", "step"), [("controller", "start/given"), ("reward", "start/given"), ("policy", "start/policy")]
)
def test_a_path_that_a_stranger_wrote_into_a_recipe_is_never_read(key: str, step: str, tmp_path: Path) -> None:
    lifecycle.create(micro("start.policy=random"), tmp_path / "r", Quiet(notes=False))
    os.mkfifo(tmp_path / "fifo")  # reading it would hang
    odd = micro("start.policy=random", f"start.{key}={tmp_path / 'fifo'}")
    (tmp_path / "r" / "recipe.toml").write_text(recipe_toml(odd.model_copy(update={"seed": 1})))
    with closing(Ledger(tmp_path / "r" / "ledger.sqlite")) as ledger:
        ledger.set_meta("recipe", identity(lifecycle.read_recipe(tmp_path / "r")))
    with (
        lifecycle.opened(tmp_path / "r", Quiet(notes=False)) as run,
        pytest.raises(LedgerError, match=f"step {step} is missing"),
    ):
        start(run)


def test_roles_and_task_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for place, name in (("ouroloop.agents.finding", "build_role"), ("ouroloop.envs.registry", "make_task")):
        module = importlib.import_module(place)
        true = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, true=true, name=name: (made.append(name), true(*args))[1])
    lifecycle.create(micro("start.policy=random"), tmp_path / "r", Quiet(notes=False))
    assert made.count("make_task") == 1
    assert made.count("build_role") == len(ROLES)

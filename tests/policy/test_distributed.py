"""Several processes train one policy: the same losses, batches and weights as one process, under ZeRO-2 and FSDP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType
from safetensors.torch import load_file

from ouroloop.policy import distributed
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.training import plain_arguments
from ouroloop.protocols.errors import UsageError
from tests.policy.shared_training import CONFIG, CUT_AT, fit

RECIPES = Path(__file__).parents[2] / "recipes" / "accelerate"
ROUNDING = 1e-6
"""Relative difference of losses that summing in another order makes; 1.2e-7 is the spacing of float32. Measured: 1.6e-7."""
DRIFT = 1e-4
"""Difference of weights after the steps; Adam's first steps make much of gradients near 0. Measured: 1.1e-5."""


@pytest.fixture
def second_of_two(monkeypatch):
    """The surroundings of the second of two processes, before they have met."""
    for name, value in {"LOCAL_RANK": "1", "RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("name", "kind"), [("zero2", DistributedType.DEEPSPEED), ("fsdp", DistributedType.FSDP)])
def test_the_launchers_files_are_what_they_are_called(name, kind):
    config = load_config_from_file(str(RECIPES / f"{name}.yaml"))
    assert config.distributed_type == kind
    assert config.deepspeed_config.get("zero_stage") == (2 if name == "zero2" else None)
    assert config.fsdp_config.get("fsdp_version") == (2 if name == "fsdp" else None)


def test_a_process_alone_needs_nobody(task, untrained, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "8")  # of something else: no launcher has set LOCAL_RANK
    policy = LocalPolicy(untrained).policy
    assert (distributed.processes(), distributed.is_main(), distributed.share(7)) == (1, True, 7)
    assert distributed.replica(policy) is policy
    assert distributed.on_main(lambda: 3) == 3
    with pytest.raises(KeyError):
        distributed.on_main({}.popitem)
    distributed.alone("anything")
    assert plain_arguments()["use_cpu"]
    assert "accelerator_config" not in plain_arguments()


@pytest.mark.usefixtures("second_of_two")
def test_one_of_two_has_its_share():
    assert not distributed.is_main()
    assert distributed.share(32) == 16
    with pytest.raises(UsageError, match="batch of 33 cannot be shared by 2 processes"):
        distributed.share(33)
    with pytest.raises(UsageError, match="train grpo runs in one process, found 2"):
        distributed.alone("train grpo")


@pytest.mark.usefixtures("second_of_two")
@pytest.mark.parametrize("precision", ["no", "bf16", "fp16"])
def test_the_launcher_decides_the_precision(monkeypatch, precision):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", precision)
    found = plain_arguments()
    assert {key for key in ("bf16", "fp16") if found[key]} == {precision} - {"no"}
    assert found["use_cpu"] == (not torch.cuda.is_available())


@pytest.fixture(scope="module")
def by_one(tmp_path_factory):
    """What one process makes of it, and where its policy lies."""
    out = tmp_path_factory.mktemp("one") / "policy"
    return fit(out), out


def launch(name, folder):
    """Let two CPU processes train as one of the launcher's files says; return what each told."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(RECIPES / f"{name}.yaml")]
    command += ["--num_processes", "2", "--main_process_port", "0", str(Path(__file__).with_name("shared_training.py"))]
    surroundings = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, str(folder)], env=surroundings, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, "\n".join(line for line in done.stderr.splitlines() if line.startswith("[rank"))
    return [json.loads((folder / f"process-{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zero2", "fsdp"])
def test_two_processes_train_as_one(by_one, tmp_path, name):
    if name == "zero2":
        pytest.importorskip("deepspeed", reason="deepspeed is made for Linux")
    (alone, single), told = by_one, launch(name, tmp_path)
    main, other = told

    # The model and what belongs to it do lie in pieces.
    assert [t["stage"] for t in told] == ([2, 2] if name == "zero2" else [None, None])
    assert sum(t["share"] for t in told) == pytest.approx(2 if name == "zero2" else 1)

    # The same losses, step by step, through a round of DAgger, a cut and a second beginning; both processes know them.
    assert main["loss"] == other["loss"]
    assert len(main["loss"]) == CONFIG.steps
    assert main["loss"] == pytest.approx(list(alone["loss"]), rel=ROUNDING)
    assert main["curve"] == other["curve"] == [list(point) for point in alone["curve"]]
    assert main["health"] == other["health"] == pytest.approx(alone["health"], rel=1e-5)

    # Each batch is one process's batch, cut in two.
    assert len(main["slots"]) == len(other["slots"]) == len(alone["slots"]) == CUT_AT + CONFIG.steps - 4
    for mine, theirs, whole in zip(main["slots"], other["slots"], alone["slots"], strict=True):
        assert (len(mine), len(theirs)) == (CONFIG.batch // 2, CONFIG.batch // 2)
        assert sorted(mine + theirs) == sorted(whole)

    # One policy is written, whole, by the main process; the student's positions were kept with the checkpoint.
    assert {"record.json", "lessons-1.npz"} <= set(main["kept"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy", "process-0.json", "process-1.json"]
    ours, theirs = (load_file(path / "model.safetensors") for path in (single, tmp_path / "policy"))
    assert ours.keys() == theirs.keys()
    assert max(float((ours[key] - theirs[key]).abs().max()) for key in ours) < DRIFT
    assert LocalPolicy(tmp_path / "policy").policy.encoding.settings == {"size": 6}

    # A failure of the main process is every process's.
    assert main["failure"] == "KeyError: 'no such thing'"
    assert other["failure"].startswith("TrainingError: the main process failed: 'no such thing'")

"""`ouroloop bench policy`: how well Snake-GPT plays and learns, how fast it is, and how it fails; with peers beside it.

Each section is independent and loads what it measures. Scores are those of policies alone: the highest logit is played, without
a controller. Everything computes on one thread, except that batches of the shipped policies' games run in parallel.
"""

from __future__ import annotations

from typing import Any, Final

from ouroloop.bench.sections import Section
from ouroloop.bench.timing import Report
from ouroloop.protocols.errors import SurroundingsError

UPDATE_SECONDS: Final = 3.0
"""Processor time of each trainer in each round and size, in seconds."""
SERVING_SECONDS: Final = 60.0
"""Total seconds of all players that decide."""
BASELINE_SECONDS: Final = 60.0
"""Processor time of each baseline's training, in seconds."""
TARGETS: Final = {"updates": 4.0, "gradients": 1e-4, "decisions": 3.0}
"""Targets: states/s over the stock trainer's, the largest relative difference of gradients, decisions/s over vLLM's."""


def scratch(report: Report, seed: int) -> dict[str, Any]:
    """Train on 6x6 from scratch."""
    from ouroloop.bench.policy.alone import measure_scratch

    return measure_scratch(report, seed=seed)


def shipped(report: Report, seed: int) -> dict[str, Any]:
    """Let the shipped policies play."""
    from ouroloop.bench.policy.alone import measure_shipped

    return measure_shipped(report, seed=seed)


def gain(report: Report, seed: int) -> dict[str, Any]:
    """Improve a half-trained policy by GRPO under a useful, a useless and a harmful reward; it has its own seeds."""
    from ouroloop.bench.policy import gain as policy_gain

    return policy_gain.measure(report)


def throughput(report: Report, seed: int) -> dict[str, Any]:
    """Compare updates with TRL's, and decisions with vLLM's and `transformers`'."""
    from ouroloop.bench.policy import grpo as policy_grpo
    from ouroloop.bench.policy import serving as policy_serving

    updates = policy_grpo.measure(UPDATE_SECONDS, lambda what, fraction: report(what, fraction / 2))
    decisions = policy_serving.measure(SERVING_SECONDS, lambda what, fraction: report(what, (1 + fraction) / 2))
    for found in (updates, decisions):
        found.pop("machine", None)
    faster = decisions["speedup_over_vllm"]
    return {
        "updates": updates,
        "decisions": decisions | {"vllm_missing": vllm_missing()},
        "target": TARGETS,
        "met": {
            "updates": updates["ratio"] >= TARGETS["updates"],
            "gradients": updates["relative_gradient_difference"] <= TARGETS["gradients"],
            "decisions": None if faster is None else faster >= TARGETS["decisions"],
        },
    }


def vllm_missing() -> str | None:
    """Return why vLLM was not measured; None if it was."""
    from ouroloop.vllm_environment import vllm_python

    try:
        vllm_python()
    except SurroundingsError as error:
        return str(error)
    return None


def gpu(report: Report, seed: int) -> dict[str, Any]:
    """Measure on a GPU, if there is one."""
    from ouroloop.bench.gpu.chip import gpu_name

    if gpu_name() is None:
        return {"missing": "torch finds no GPU"}
    from ouroloop.bench.gpu import training as policy_gpu

    return policy_gpu.measure(report)


def failures(report: Report, seed: int) -> dict[str, Any]:
    """Provoke failures."""
    from ouroloop.bench.policy import failures as policy_failures

    return policy_failures.measure(report)


def distill(report: Report, seed: int) -> dict[str, Any]:
    """Make smaller policies from a larger one."""
    from ouroloop.bench.policy import distill as policy_distill

    return policy_distill.measure(report)


def quantise(report: Report, seed: int) -> dict[str, Any]:
    """Play with fewer bits."""
    from ouroloop.bench.policy import quantise as policy_quantise

    return policy_quantise.measure(report, seed=seed)


def baselines(report: Report, seed: int) -> dict[str, Any]:
    """Train PPO and DQN of Stable-Baselines3."""
    from ouroloop.bench.policy import baselines as policy_baselines

    return policy_baselines.measure(BASELINE_SECONDS, report)


SECTIONS: Final[dict[str, Section]] = {
    "scratch": scratch,
    "shipped": shipped,
    "gain": gain,
    "throughput": throughput,
    "gpu": gpu,
    "failures": failures,
    "distill": distill,
    "quantise": quantise,
    "baselines": baselines,
}
"""Sections by name, in the order of the document."""

"""A document of `bench policy` as its sections make it, small and made up."""

from typing import Any

SCORE = {"mean": 25.0, "low": 24.0, "high": 26.0}


def trial(score: list[float], mean: float, rang: int, rejected: int) -> dict[str, Any]:
    gain = {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}
    gate = {"accepted": 2 - rejected, "rejected": rejected, "layers": {"oracle": rejected} if rejected else {}}
    return {"reward": "made up", "score": score, "gain": gain, "rang": rang, "gate": gate, "cpu_s": 40.0}


def case(name: str, clear: bool, kept: bool | None, lines: int) -> dict[str, Any]:
    found = {"case": name, "exit_code": 2 if clear else 1, "expected_exit_code": 2, "said": "ouroloop: error: so and so"}
    return {**found, "one_clear_error": clear, "kept": kept, "lines": lines}


def alone(name: str, size: int, anchors: dict[str, float] | None, met: bool | None) -> dict[str, Any]:
    figures = {"win_rate": 0.9, "path_optimality": 0.4, "steps_mean": 1300.0, "starved": 0.0, "decisions_per_s": 9000.0}
    who = {"policy": name, "size": size, "max_score": size**2 - 3, "mb": 2.0, "games": 500, "score": SCORE}
    return {**who, **figures, "anchors": anchors, "met": met}


SECTIONS: dict[str, dict[str, Any]] = {
    "scratch": {
        **alone("new", 6, None, True),
        **{"steps": 400, "teacher": "cycle", "parameters": 141_248, "wall_s": 54.0},
        "curve": [[200, 26.0, 12.0], [400, 53.0, 25.0]],
        "target": {"score": 20.0, "seconds": 300.0},
    },
    "shipped": {
        "target": 78.0,
        "aim": 95.0,
        "rows": [alone("snake-gpt-10x10", 10, {"best of others": 78.0}, False), alone("snake-gpt-6x6", 6, None, None)],
    },
    "gain": {
        "start": {"sft_steps": 72, "score": 15.0, "cpu_s": 9.0},
        "useful": trial([20.0, 21.0], 0.4, 0, 0),
        "useless": trial([3.0, 2.0], -0.8, 0, 2),
        "harmful": trial([15.0, 15.0], 0.0, 2, 2),
        "seeds": 2,
        "target": {"gain": 0.1, "cpu_s": 300.0},
        "met": {"useful": True, "useless": True, "alarm": True, "gate": True, "cpu_s": True},
    },
    "throughput": {
        "updates": {
            "boards": {
                "6": {
                    "states_per_s": {"ours": 1500.0, "trl": 80.0},
                    **{"ratio": 18.8, "relative_difference": 1e-6, "states": 64, "group": 8},
                }
            },
            "ratio": 18.8,
            "relative_gradient_difference": 1e-6,
            "trl": "1.16.0",
        },
        "decisions": {
            "policy": "snake-gpt-10x10",
            "decisions_per_cpu_s": [{"batch": batch, "ours float32": 900.0, "vllm float32": 200.0} for batch in (1, 64)],
            "same_moves": {"ours float32": 1.0, "vllm float32": 0.999},
            "speedup_over_vllm": 4.5,
            "vllm_missing": None,
        },
        "target": {"updates": 4.0, "gradients": 1e-4, "decisions": 3.0},
        "met": {"updates": True, "gradients": True, "decisions": True},
    },
    "gpu": {
        "device": "a GPU",
        "peak_tflops": 700.0,
        "training": {"large": {"tokens_per_s": 90_000, "tflops": 70.0, "of_peak": 0.1}},
        "climb": {"goal": 78.0, "seconds": 200.0},
    },
    "failures": {"rows": [case("a", True, None, 1), case("b", False, False, 60)], "all_clear": False},
    "distill": {
        "size": 6,
        "games": 200,
        "rows": [
            {
                **{"policy": name, "parameters": 50_000, "mb": mb, "steps": 500, "cpu_s": 40.0, "score": SCORE},
                **{"win_rate": 0.9, "decisions_per_s": speed, "agreement": 0.97},
            }
            for name, mb, speed in (("teacher, SFT", 1.8, 25_000.0), ("logit KD", 0.2, 100_000.0))
        ],
    },
    "quantise": {
        "rows": [
            {
                **{"policy": "snake-gpt-6x6", "precision": "int8", "megabytes": 0.2, "score": SCORE},
                **{"decisions_per_s": 400.0, "agreement": 0.99, "deviation": 0.02},
            }
        ],
        "base": {
            "parameters": 44_000_000,
            "rows": [
                {
                    **{"policy": "a base", "precision": "nf4", "megabytes": 30.0, "score": None},
                    **{"decisions_per_s": 20.0, "agreement": 0.7, "deviation": 0.3},
                }
            ],
        },
    },
    "baselines": {
        "seconds": 60.0,
        "rows": [
            {
                **{"baseline": name, "size": 6, "moves": 400_000, "score": SCORE, "starved": 0.5, "cpu_s": 60.0},
                "sampled_score": SCORE if name == "ppo" else None,
            }
            for name in ("ppo", "dqn")
        ],
    },
}


def document() -> dict[str, Any]:
    """Return the whole document."""
    return {
        "seed": 0,
        "seconds": dict.fromkeys(SECTIONS, 12.5),
        "machine": {"processor": "a processor", "cores": 2, "python": "3.11", "numba": "0.68"},
        **SECTIONS,
    }

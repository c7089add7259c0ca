"""Failures with policies, provoked for real through the command line: does each give one clear error?

A case is clear if the command ends with the expected code and says one line on standard error, if that line contains the words
that name the thing and the remedy, and if everything that should be kept was kept. Memory is made scarce by limiting the
address space of a separate process (`bench.policy.starved`); the command then continues in smaller parts, and its line says so.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import load_file

from ouroloop.bench.policy.base import write_checkpoint, write_policy, write_tokenizer
from ouroloop.bench.policy.starved import MARK, call
from ouroloop.bench.timing import Report
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.settings import Shape
from ouroloop.policy.snake_gpt import CARD, WEIGHTS, create, save

SIZE, OTHER_SIZE = 6, 10
SPARE_MB: Final = 60
"""Address space left to the starved commands: enough for a part of the batch."""
TIMEOUT_S: Final = 300
QUICK: Final = ("threads=1", f"task.size={SIZE}", "sft.positions=256", "sft.batch=32", "sft.steps=8", "grpo.steps=8")
DIVERGES: Final = "1e30"
"""A learning rate so high that nothing is finite after the first step."""
TINY: Final = Shape(hidden=16, layers=1, heads=1, intermediate=16)
WIDE: Final = Shape(hidden=64, intermediate=4096)
"""One tensor of fifty prompts exceeds the memory of the starved command."""


@dataclass(frozen=True, slots=True)
class Case:
    """One failure.

    Args:
        name: what goes wrong.
        command: the command that runs into it, without `ouroloop`.
        code: the expected exit code.
        says: words that its one line must contain.
        first: a command to run before it in the same process, if memory is to become scarce between the two.
        kept: tells whether the files that should remain do, with nothing half-written; None if there are none.
    """

    name: str
    command: list[str]
    code: int
    says: tuple[str, ...]
    first: list[str] | None = None
    kept: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended: its exit code, and its lines on standard error."""

    code: int
    lines: list[str]


def measure(report: Report, only: Sequence[str] = ()) -> dict[str, Any]:
    """Return a row for each case, and whether all are clear.

    Args:
        report: called with the progress.
        only: words; only cases whose names contain one of them run, all by default.
    """
    with tempfile.TemporaryDirectory(prefix="ouroloop-") as scratch:
        cases = [case for case in all_cases(Path(scratch)) if not only or any(word in case.name for word in only)]
        rows = []
        for index, case in enumerate(cases):
            report(case.name, index / len(cases))
            said = starved(case.first, case.command) if case.first is not None else run(case.command)
            rows.append(row(case, said, scratch))
    return {"rows": rows, "all_clear": all(found["one_clear_error"] for found in rows)}


def row(case: Case, said: Said, scratch: str) -> dict[str, Any]:
    """Return the outcome of a case; its texts mention neither the folder `scratch` nor the home directory."""
    telling = [line for line in said.lines if all(word in line for word in case.says)]
    line = (telling or said.lines or [""])[-1]  # a slow command ends with its progress
    kept = None if case.kept is None else case.kept()
    clear = len(said.lines) == 1 == len(telling) and said.code == case.code and kept is not False
    return {
        "case": case.name,
        "command": " ".join(("ouroloop", *case.command)).replace(f"{scratch}/", ""),
        "exit_code": said.code,
        "expected_exit_code": case.code,
        "said": line.replace(f"{scratch}/", "").replace(str(Path.home()), "~"),
        "lines": len(said.lines),
        "kept": kept,
        "one_clear_error": clear,
    }


def run(command: list[str]) -> Said:
    """Run a command in this process; if an error escapes it, return what the interpreter would print and exit with."""
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        try:
            code = call(command)
        except Exception:  # a defect in the measured command is a finding and must not end the benchmark
            code = 1
            error.write(traceback.format_exc())
    return Said(code, plain_lines(error.getvalue()))


def starved(first: list[str], command: list[str]) -> Said:
    """Run a command after another in a separate process, with little memory; see `bench.policy.starved`."""
    arguments = ["-m", "ouroloop.bench.policy.starved", str(SPARE_MB), json.dumps(first), json.dumps(command)]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return Said(done.returncode, plain_lines(done.stderr.rpartition(MARK)[2]))


def plain_lines(text: str) -> list[str]:
    """Return the lines of a text that are not empty."""
    return [line for line in text.splitlines() if line.strip()]


def all_cases(scratch: Path) -> list[Case]:
    """Return the cases; the files that they use are written to a folder."""
    start = scratch / "start"
    save(create(SnakeTask(SIZE), Shape(), 0), start)
    write_policy(scratch / "base", SIZE, WIDE)
    return [*wrong_checkpoints(scratch), *little_memory(scratch), *not_finite(scratch), *unknown_names(scratch)]


def wrong_checkpoints(scratch: Path) -> list[Case]:
    """Return checkpoints of another board or vocabulary, and a tokenizer without a token for the actions."""
    board = ("trained for size 6, found size 10", "train one for it")
    other = shutil.copytree(scratch / "start", scratch / "other-vocabulary")
    (other / CARD).write_text((other / CARD).read_text().replace('"path"', '"json"'))
    mixed = shutil.copytree(scratch / "base", scratch / "other-tokenizer")
    write_tokenizer(mixed, shift=7)
    joined = write_checkpoint(scratch / "joined", TINY, [("Ċ", digit) for digit in "0123"])
    taught = training("sft", scratch, f"sft.base={joined}", "sft.encoding=json")
    return [
        Case("another board, Snake-GPT", evaluation(scratch / "start", "--size", str(OTHER_SIZE)), 2, board),
        Case("another board, a base", evaluation(scratch / "base", "--size", str(OTHER_SIZE)), 2, board),
        Case(
            "another board, a training",
            training("grpo", scratch, f"task.size={OTHER_SIZE}", start=scratch / "start"),
            2,
            board,
        ),
        Case(
            "another vocabulary, Snake-GPT", evaluation(other), 2, ("tokens, the encoding 'json' with size 6 has", "retrain it")
        ),
        Case("another vocabulary, a base", evaluation(mixed), 2, ("has another vocabulary", "put the tokenizer back")),
        Case("no token for an action", taught, 2, ("no single token for the action '0'", "choose another base")),
    ]


def little_memory(scratch: Path) -> list[Case]:
    """Return games and a training whose batches exceed the memory; return none if memory cannot be limited."""
    if not sys.platform.startswith("linux"):
        return []
    small, whole = evaluation(scratch / "base", games=1), evaluation(scratch / "base", games=50)
    first, out = training("sft", scratch / "warm"), scratch / "starved"
    then = training("sft", scratch, "sft.batch=4096", "sft.steps=2", out=out)
    return [
        Case("out of memory, games", whole, 0, ("out of memory with batches of", "goes on with"), small),
        Case("out of memory, training", then, 0, ("memory",), first, lambda: (out / WEIGHTS).is_file()),
    ]


def not_finite(scratch: Path) -> list[Case]:
    """Return trainings whose learning rate ruins the weights."""
    start, taught, saved, raised = (scratch / name for name in ("start", "broken-sft", "saved-sft", "broken-grpo"))
    before = (start / WEIGHTS).read_bytes()

    def untouched() -> bool:
        return (start / WEIGHTS).read_bytes() == before

    return [
        Case(
            "loss not finite, SFT",
            training("sft", scratch, f"sft.learning_rate={DIVERGES}", "sft.warmup=0", start=start, out=taught),
            1,
            ("sft: step 2: loss", "expected", "lower sft.learning_rate"),
            kept=lambda: untouched() and not taught.exists(),
        ),
        Case(
            "loss not finite, checkpoints",  # the first step has rate 0 and leaves good weights, the second does not
            training(
                "sft", scratch, f"sft.learning_rate={DIVERGES}", "sft.warmup=0.25", "sft.checkpoint=1", start=start, out=saved
            ),
            0,
            ("stopped: sft: step", "the last good weights are written"),
            kept=lambda: untouched() and same_weights(start, saved),
        ),
        Case(
            "loss not finite, GRPO",
            training("grpo", scratch, f"grpo.learning_rate={DIVERGES}", start=start, out=raised),
            0,
            ("stopped: not finite at step", "the last good weights are written"),
            kept=lambda: untouched() and same_weights(start, raised),
        ),
    ]


def unknown_names(scratch: Path) -> list[Case]:
    """Return a model that is not on this machine, and a policy that is not shipped."""
    taught = training("sft", scratch, "sft.base=nobody/no-such-model", "sft.encoding=json")
    asked = ["eval", "--policy", "snake-gpt-9x9", "--games", "1"]
    return [
        Case("unknown model, offline", taught, 3, ("nobody/no-such-model is not on this machine", "hf download")),
        Case("unknown policy", asked, 2, ("'snake-gpt-9x9'", "did you mean snake-gpt-")),
    ]


def evaluation(policy: Path, *more: str, games: int = 1) -> list[str]:
    """Return the command that evaluates a policy."""
    return ["eval", "--policy", str(policy), "--games", str(games), "--threads", "1", *more]


def training(kind: str, scratch: Path, *settings: str, start: Path | None = None, out: Path | None = None) -> list[str]:
    """Return the command of a short training with some settings."""
    chosen = [part for setting in (*QUICK, *settings) for part in ("--set", setting)]
    begin = [] if start is None else ["--start", str(start)]
    return ["train", kind, *begin, *chosen, "--games", "1", "--out", str(out or scratch / "unwritten")]


def same_weights(one: Path, other: Path) -> bool:
    """Tell whether two policy directories hold the same weights."""
    if not (other / WEIGHTS).is_file():
        return False
    left, right = load_file(one / WEIGHTS), load_file(other / WEIGHTS)
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)

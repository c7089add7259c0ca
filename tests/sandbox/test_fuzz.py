"""A short run of each fuzzer; `tests/sandbox/fuzz/run.py` makes long ones."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("fuzz") / "run.py"
INPUTS = 4000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "engine"),
    [*itertools.product(["diff", "screen", "frames", "frozen"], ["hypothesis", "atheris"]), ("replies", "mutation")],
)
def test_a_few_thousand_inputs_raise_nothing_undeclared(target: str, engine: str) -> None:
    if sys.platform != "linux" and importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is made for Linux")
    command = [sys.executable, str(RUN), target, "--engine", engine, "--inputs", str(INPUTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert figures["inputs"] == INPUTS

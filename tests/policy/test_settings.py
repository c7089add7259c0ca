"""Settings of trainings are data: whoever reads them loads no machine learning. (A recipe names its game, and the package of
games registers with Gymnasium, which loads numpy.)"""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "trl", "numba")


@pytest.mark.parametrize(
    "module",
    [
        "ouroloop.policy.sft.config",
        "ouroloop.policy.grpo.config",
        "ouroloop.policy.distill.config",
        "ouroloop.perception.config",
        "ouroloop.runs.recipe",
    ],
)
def test_settings_load_nothing_heavy(module):
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

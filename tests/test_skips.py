"""Where everything is required, as in CI, a test that is skipped fails and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import unskipped


def report(outcome: str) -> pytest.TestReport:
    return pytest.TestReport("tests/x.py::test", ("tests/x.py", 1, "test"), {}, outcome, ("tests/x.py", 1, "no GPU"), "call")


@pytest.mark.parametrize(
    ("required", "outcome", "after"),
    [
        ({"browser", "docker", "model", "vllm"}, "skipped", "failed"),
        ({"browser", "docker", "model", "vllm"}, "passed", "passed"),
        ({"docker"}, "skipped", "skipped"),
        (set(), "skipped", "skipped"),
    ],
)
def test_a_skip_is_a_failure_where_all_must_run(required: set[str], outcome: str, after: str) -> None:
    found = unskipped(report(outcome), required)
    assert found.outcome == after
    assert (after != "failed") or (
        "OUROLOOP_REQUIRE=browser,docker,model,vllm" in str(found.longrepr) and "no GPU" in str(found.longrepr)
    )


def test_an_expected_failure_is_no_skip() -> None:
    expected = report("skipped")
    expected.wasxfail = "known"
    assert unskipped(expected, {"browser", "docker", "model", "vllm"}).outcome == "skipped"


def test_ci_requires_all() -> None:
    ci = Path(__file__).parents[1] / ".ci" / "run"
    assert "OUROLOOP_REQUIRE=browser,docker,model,vllm make test" in ci.read_text(encoding="utf-8")

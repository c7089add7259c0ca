"""A reward spec in a model's reply: never lost for form, never taken in doubt."""

from __future__ import annotations

import json
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.agents.prompted.specs import find_spec

TERM = {"name": "a", "expr": "approach", "weight": 0.5, "clip": 1.0}
SPEC = {"terms": [TERM], "gamma_r": 0.2}
PLAIN = json.dumps(SPEC)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f"Sure {{here}}:\n```json\n{PLAIN}\n```\nIt pays for food.",
        "{'terms': [{'name': 'a', 'expr': 'approach', 'weight': 0.5, 'clip': 1.0}], 'gamma_r': 0.2}",
        '{"terms": [{"name": "a", "expr": "approach", "weight": +0.5, "clip": 1.0,},], "gamma_r": 0.2,}',
        '{\n  // dense\n  "terms": [{"name": "a", "expr": "approach", "weight": .5, "clip": 1.0}], /* small */ "gamma_r": 0.2}',
        "{'terms': [{'name': 'a', 'expr': 'approach', 'weight': 0.5, 'clip': 1.0}],  # dense\n 'gamma_r': 0.2}",
        "{terms: [{name: 'a', expr: 'approach', weight: 0.5, clip: 1.0}], gamma_r: 0.2}",
        f"{PLAIN}\n\nAgain, as one object:\n{PLAIN}",
        json.dumps({"reward": SPEC}),
        f"[{PLAIN}]",
    ],
)
def test_one_spec_is_found(text: str) -> None:
    spec, fault = find_spec(text)
    assert fault is None
    assert json.loads(spec) == SPEC


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no reward spec"),
        ("I would pay for food.", "holds no reward spec"),
        (json.dumps([TERM]), "holds no reward spec"),
        ("terms:\n  - name: a", "holds no reward spec"),
        (PLAIN + PLAIN.replace("0.5", "0.7"), "found 2 reward specs"),
        (json.dumps({"specs": [SPEC, {**SPEC, "gamma_r": 0.3}]}), "found 2 reward specs"),
        (PLAIN[:-1] + "," + PLAIN[1:], "a key is given twice"),
        ("{'terms': [], 'terms': [1]}", "a key is given twice"),
        (PLAIN[:-3], "cut off"),
        (PLAIN.replace('"', "\u201d"), "not JSON"),
        (json.dumps(PLAIN), "not JSON"),
        ('{"terms": ' + "[" * 5000 + "]" * 5000 + "}", "not JSON"),
        ("{terms" * 5000, "cut off"),
    ],
)
def test_anything_else_goes_on_with_the_reason(text: str, why: str) -> None:
    start = process_time()
    found, fault = find_spec(text)
    assert fault is not None
    assert why in fault
    assert found in text
    assert process_time() - start < 5


@given(st.text("{}[]:,\"'/*#+.05 terms\n", max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    spec, fault = find_spec(text)
    assert fault is not None or "terms" in json.loads(spec)

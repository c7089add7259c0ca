"""A reward spec in a model's reply: never lost for form, never taken in doubt."""

from __future__ import annotations

import json
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.agents.prompted.specs import drawn_specs, find_spec, one_spec

TERM = {"name": "a", "expr": "approach", "weight": 0.5, "clip": 1.0}
SPEC = {"terms": [TERM], "gamma_r": 0.2}
PLAIN = json.dumps(SPEC)
FORM = '{"terms": [{"name": "NAME", "expr": "EXPRESSION", "weight": W, "clip": C}], "gamma_r": G}'


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
        f"The object begins with {{ and ends with }}:\n```json\n{PLAIN}\n```",
        f"Mind the last brace: {{\n```json\n{PLAIN}\n```",
        PLAIN.replace('"gamma_r"', '// closes }\n"gamma_r"'),
        PLAIN.replace('"gamma_r"', '/* opens { */ "gamma_r"'),
        PLAIN.replace('"gamma_r"', "# closes }\n'gamma_r'"),
        f"The form is {FORM}, so:\n{PLAIN}",
        f'With {{"terms": [...], "gamma_r": 0.2}} in mind:\n{PLAIN}',
        f"{PLAIN}\nAgain:\n{json.dumps(SPEC, sort_keys=True).replace('1.0', '1')}",
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
        ('{"terms": [' * 5000, "cut off"),
        ("{/* " * 5000 + PLAIN[:-1], "cut off"),
        ('{"terms": [...], "gamma_r": 0.2}', "not JSON"),
        ('{"terms": [{"progress", "idle"}]}', "not JSON"),
        ("{'terms': 1j}", "not JSON"),
        ("{'terms': b'progress'}", "not JSON"),
        ("{'terms': {(1, 2): 3}}", "not JSON"),
        (FORM, "not JSON"),
        (f'{PLAIN}\nBetter:\n{{"terms": [{{"name": "b", "weig', "cut off"),
        (f'{PLAIN}\nBetter:\n```json\n{{"terms": [{{"name": "b"', "cut off"),
        (f'{PLAIN}\nBetter:\n{{"te', "cut off"),
        (f"{PLAIN[:-20]}\nOnce more:\n{PLAIN}", "cut off"),
        (f"{FORM}\n{PLAIN}\n{PLAIN.replace('0.5', '0.7')}", "found 2 reward specs"),
        (f"{PLAIN}\nBetter:\n{PLAIN.replace('0.5,', '0.7')}", "not JSON"),
        (f"{PLAIN}\nBetter:\n{PLAIN.replace('0.5', 'approach')}", "not JSON"),
        (f"{PLAIN}\nAgain:\n{json.dumps(SPEC, sort_keys=True).replace('1.0', '1.1')}", "found 2 reward specs"),
        (f"{{ begins it:\n```json\n{PLAIN}\n```\n```json\n{PLAIN.replace('0.5', '0.7')}\n```", "found 2 reward specs"),
    ],
)
def test_anything_else_goes_on_with_the_reason(text: str, why: str) -> None:
    start = process_time()
    found, fault = find_spec(text)
    assert fault is not None
    assert why in fault
    assert found in text
    assert process_time() - start < 5


PARTS = [*"{}[]():,\"'/*#+-.0123456789ejb\\ \n", "terms", '"terms": ', "...", "```", "weight", "None", "true", '"a"', PLAIN]


@given(st.lists(st.sampled_from(PARTS), max_size=60).map("".join), st.booleans())
def test_no_text_makes_it_fail(text: str, inside: bool) -> None:
    body = f'{{"terms": {text}}}' if inside else text
    for spec, fault in (find_spec(body), one_spec(body), *drawn_specs(body, 2, 0)):
        assert fault is not None or "terms" in json.loads(spec)


@pytest.mark.parametrize("key", ["weight", "gamma_r", "beta"])
def test_a_range_is_taken_only_where_a_space_is_asked_for(key: str) -> None:
    term = {**TERM, "weight": [0.1, 5.0]} if key == "weight" else TERM
    rest = {"gamma_r": [0.1, 0.3]} if key == "gamma_r" else {"loss": {"beta": [0.01, 0.1]}} if key == "beta" else {}
    space = json.dumps({"terms": [term], **rest})
    assert one_spec(space) == (space, f"{key} is a range, give one number")
    assert [fault for _, fault in drawn_specs(space, 3, 0)] == [None] * 3


def test_of_a_space_without_ranges_the_one_spec_is_left() -> None:
    assert one_spec(PLAIN) == (PLAIN, None)
    assert drawn_specs(PLAIN, 3, 0) == [(PLAIN, None)]

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
OTHER = PLAIN.replace("0.5", "0.7")
TERMS = json.dumps({"terms": [TERM]})
SECOND = json.dumps({**TERM, "name": "b"})
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
        f"{PLAIN}}}",
        f"{PLAIN}\n\n}}\nNote: it is dense, {{as asked}}.",
        f"`{json.dumps(TERM)}` pays, with {{'gamma_r': 0.2}}:\n{PLAIN}",
        f"[{PLAIN}, {PLAIN}]",
        f'{{"why": {{"loss": "at walls"}}, "reward": {PLAIN}}}',
        f'I answer with {{"terms": [...], ...}}:\n{PLAIN}',
        f'Each is {{"terms": [{{"name": "x", ...}}], "gamma_r": G}}.\n{PLAIN}',
        f'The form is {{"terms": [\u2026]}}: {PLAIN}',
        f'{{"terms": [{{"name": <name>, "expr": <expr>}}]}}\n{PLAIN}',
        f'{{"terms": [{{name: str, weight: float}}]}}\n{PLAIN}',
        f'{PLAIN}\nIt has the form {{"terms": [...], ...}}.',
        f'The keys {{"terms", "gamma_r", "anneal"}}:\n{PLAIN}',
        f"A reward {{here: in terms of distance}} is dense.\n{PLAIN}",
        f"Reward {{#1}}, of {{/*,*/}}: {PLAIN}",
        "{" + "\n  // why" * 40 + f"\n{PLAIN[1:]}",
        f"{{ /* {'why ' * 200}*/ # so\n{PLAIN[1:]}",
        PLAIN.replace('"gamma_r"', '# one\n"gamma_r"').replace('"weight"', '// two\n"weight"'),
        f"{PLAIN[:-1]},  # small\n}}",
        PLAIN.replace('"', "'").replace("0.2", ".2").replace("{", "{\n" + " " * 5000),
    ],
)
def test_one_spec_is_found(text: str) -> None:
    spec, fault = find_spec(text)
    assert fault is None
    assert json.loads(spec) == SPEC


def test_a_line_break_in_a_string_and_a_comment_beside_null_are_read() -> None:
    spec, fault = find_spec(f'So {{5" or so}}:\n{PLAIN.replace("approach", "clip(approach," + chr(10) + "  0, 1)")}')
    assert fault is None
    assert json.loads(spec)["terms"][0]["expr"] == "clip(approach,\n  0, 1)"
    spec, fault = find_spec(f'{PLAIN[:-1]},  # none\n "loss": null}}')
    assert fault is None
    assert json.loads(spec) == {**SPEC, "loss": None}


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
        (f'{TERMS}, "gamma_r": 0.9}}', "stands outside"),
        (f'```json\n{TERMS},\n  // small\n  "gamma_r": 0.9\n}}\n```', "stands outside"),
        (f"{TERMS}, gamma_r: 0.9}}", "stands outside"),
        (f'{TERMS}], "gamma_r": 0.9}}', "stands outside"),
        (f"{TERMS},\n {SECOND}]}}", "stands outside"),
        (f'{TERMS}, "gam', "stands outside"),
        (f'{PLAIN},\n"loss": {{"beta": 0.1}}}}', "stands outside"),
        (f'{TERMS}\n{{"gamma_r": 0.9}}', "stands outside"),
        (f'{{"gamma_r": 0.9}}\n{TERMS}', "stands outside"),
        (f'{{"gamma_r": 0.9, "reward": {TERMS}}}', "stands outside"),
        (f"{PLAIN}\nBetter:\n[{SECOND}]", "stands outside"),
        (f'{TERMS}, {{"name": "b", "expr": "trapped"}}]}}', "stands outside"),
        (f'{{"why": {{"loss": {{"beta": 0.1}}}}, "reward": {PLAIN}}}', "stands outside"),
        (f"[{PLAIN}, {OTHER}]", "found 2 reward specs"),
        (f'{PLAIN}\nBetter:\n{{"term": [{SECOND}], "gamma_r": 0.9}}', "stands outside"),
        (f'{PLAIN}\nBetter:\n{{"anneal" {{"warmup": 0.1}}, "loss": 1}}', "stands outside"),
        (f'{PLAIN}\nBetter:\n{{"gamma_r": 0.9, "anneal": {{"warmup": 0.1, ', "cut off"),
        (f'{PLAIN}\nBetter:\n{{"name": "b", "ex', "cut off"),
        (f'{{"gamma_r": 0.9, "anneal": {{"warm\n```\n{PLAIN}', "cut off"),
        (f'{PLAIN}\nBetter:\n{{"terms": [{SECOND}, ...]}}', "not JSON"),
        (f"{PLAIN}\nBetter:\n{OTHER.replace(': [', ' [')}", "stands outside"),
        (f'{PLAIN}\nBetter:\n{OTHER[:-1]}, "note": "denser..." "x": 1}}', "not JSON"),
        (f'{PLAIN}\nBetter:\n{OTHER[:-1]}, "loss": NULL}}', "not JSON"),
    ],
)
def test_anything_else_goes_on_with_the_reason(text: str, why: str) -> None:
    start = process_time()
    found, fault = find_spec(text)
    assert fault is not None
    assert why in fault
    assert found in text
    assert process_time() - start < 20


LONG = "{'terms': [" + "{'name': 'a', 'expr': 'approach', 'weight': 0.5}, " * 380 + "], }"


@pytest.mark.parametrize(
    "text",
    [
        "{terms: {a:{a:{a:{a:{a: ?}}}}}}\n" * 6000,
        "{terms: [1,]}\n" * 14_000,
        '{"terms": [...], "w": W}\n' * 8000,
        "".join(f'{{"terms": [...], "w": W{k}}}\n' for k in range(7000)),
        "".join(f"{{gamma_r: {k}}}\n" for k in range(11_000)) + PLAIN,
        f"{LONG}\n" * 10,
        "".join(f"{LONG[:-1]}'gamma_r': 0.{k}, }}\n" for k in range(10)),
        "{terms: [" + "1," * 9000 + "]}",
        "{terms: [" + "1," * 1240 + "]}",
        "{//" * 30_000 + "\n" + "//\n" * 30_000,
        "{/*" * 60_000,
        '{"terms": [1]}, /*' * 11_000,
        '{a": terms}\n' * 17_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    start = process_time()
    find_spec(text)
    assert process_time() - start < 20  # well below a second, or minutes if the cost is quadratic


PARTS = [
    *"{}[]():,\"'/*#+-.0123456789ejb\\ \n",
    "terms",
    '"terms": ',
    "...",
    "```",
    "weight",
    "None",
    "true",
    '"a"',
    "gamma_r: ",
    "<a>",
    PLAIN,
]


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

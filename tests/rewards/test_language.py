"""The reward language: what it computes, what it bounds, what it refuses."""

from __future__ import annotations

import contextlib
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import RewardSpec, RewardTerm
from ouroloop.rewards.expression import MAX_NODES, compile_expression, count_nodes, read_expression
from ouroloop.rewards.language import bound, compile_spec, complexity, parse

FEATURES = ("ate", "distance", "space")


def spec_text(expr: str, weight: float = 1.0, **extra: object) -> str:
    return json.dumps({"terms": [{"name": "t", "expr": expr, "weight": weight, **extra}]})


def value(expr: str, **features: float) -> float:
    x = np.array([features.get(name, 0.0) for name in FEATURES])
    return float(compile_expression(read_expression(expr), {n: i for i, n in enumerate(FEATURES)})(x))


@pytest.mark.parametrize(
    ("expr", "features", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", {}, 6.5),
        ("-distance", {"distance": 0.25}, -0.25),
        ("ate / space", {"ate": 1.0, "space": 0.0}, 0.0),
        ("min(ate, distance, space)", {"ate": 1.0, "distance": 0.5, "space": 0.75}, 0.5),
        ("max(ate, 2)", {"ate": 1.0}, 2.0),
        ("clip(5, 0, distance)", {"distance": 0.3}, 0.3),
        ("where(distance < 0.5, 10, 20)", {"distance": 0.4}, 10.0),
        ("where(distance >= 0.5, 10, 20)", {"distance": 0.4}, 20.0),
        ("(ate == 1) + (ate != 1)", {"ate": 1.0}, 1.0),
        ("abs(-3) + sqrt(4) + log1p(0) + tanh(0)", {}, 5.0),
        ("exp(1)", {}, math.e),
        ("exp(1000)", {}, math.exp(20)),
        ("sqrt(-4)", {}, 0.0),
        ("log1p(-2)", {}, 0.0),
    ],
)
def test_computes(expr, features, expected):
    assert value(expr, **features) == pytest.approx(expected)


def test_strict_says_where_a_domain_is_left():
    for expr in ("sqrt(distance)", "log1p(distance - 1)", "1000000 * 1000000 * distance"):
        strict = compile_expression(read_expression(expr), {"distance": 0}, strict=True)
        assert np.isnan(strict(np.array([[-1.0]]))).all(), expr


def test_spec_is_the_weighted_sum_of_clipped_terms_over_any_leading_axes():
    spec = RewardSpec(
        terms=(RewardTerm(name="a", expr="3 * ate", weight=2.0, clip=1.0), RewardTerm(name="b", expr="-distance", weight=0.5))
    )
    x = np.zeros((4, 5, 3), np.float32)
    x[1, 2] = (1, 0.5, 0)
    reward = compile_spec(spec, FEATURES)(x)
    assert reward.shape == (4, 5)
    assert reward.dtype == np.float32
    assert reward[1, 2] == pytest.approx(2.0 - 0.25)
    assert reward.sum() == pytest.approx(1.75)
    assert bound(spec) == 2.5


def test_complexity_counts_operands_and_operations():
    assert complexity(parse(spec_text("where(ate > 0.5, 1, -distance)"))) == 7
    assert count_nodes(read_expression("ate")) == 1


def test_reads_one_fenced_block():
    text = f"Here it is:\n```json\n{spec_text('ate')}\n```\nGood luck."
    assert parse(text) == parse(spec_text("ate"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no json", "not JSON"),
        ("[1, 2]", "object"),
        ('{"terms": [], "terms": []}', "given twice"),
        ('{"gamma_r": NaN}', "NaN"),
        ('{"gamma_r": 1e999}', "gamma_r"),
        ('{"gamma": 0.2}', "gamma"),
        ('{"gamma_r": "0.2"}', "gamma_r"),
        ('{"gamma_r": true}', "gamma_r"),
        (json.dumps({"terms": [{"name": f"t{i}", "expr": "ate", "weight": 1} for i in range(17)]}), "terms"),
        (json.dumps({"terms": [{"name": "t", "expr": "ate", "weight": 1}] * 2}), "two terms"),
        (spec_text("ate") + " " * 9000, "8192"),
        ("[" * 8000, "not JSON"),
        ("```json\n{}\n```\n```json\n{}\n```", "fenced"),
        (spec_text("ate", clip=0), "clip"),
        (spec_text("ate", weight=11), "weight"),
    ],
)
def test_refuses_texts(text, says):
    with pytest.raises(CandidateFault, match=says) as fault:
        parse(text)
    assert fault.value.layer == "schema"


@pytest.mark.parametrize(
    "expr",
    [
        "__import__('os')",
        "ate.__class__",
        "ate.real",
        "ate[0]",
        "9 ** 9 ** 9",
        "ate << 100",
        "ate // 2",
        "ate % 2",
        "+ate",
        "not ate",
        "ate and space",
        "0 < ate < 1",
        "lambda: 1",
        "[ate]",
        "(ate, space)",
        "'ate'",
        "1j",
        "True",
        "None",
        "1e999",
        "9999999999",
        "min",
        "min(ate)",
        "clip(ate, 0)",
        "sqrt(x=ate)",
        "min(*ate, 1)",
        "eval(ate)",
        "ate if space else 1",
        "(ate := 1)",
        "f'{ate}'",
        "-" * 150 + "1",
        "abs(" * 20 + "ate" + ")" * 20,
        "+".join(["1"] * (MAX_NODES + 1)),
        "ate\nspace",
        "ate; space",
        "\x00",
        "",
        "...",
        "await ate",
        "yield",
    ],
)
def test_refuses_hostile_expressions(expr):
    with pytest.raises(CandidateFault) as fault:
        read_expression(expr)
    assert fault.value.layer == "schema"


def test_unknown_feature_names_the_nearest():
    with pytest.raises(CandidateFault, match=r"'distanse'.*'distance'"):
        compile_spec(parse(spec_text("distanse + 1")), FEATURES)


numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: f"({x!r})" if x < 0 else repr(x))
expressions = st.recursive(
    st.sampled_from(FEATURES) | numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "<", ">=", "=="]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        inner.map(lambda e: f"(-{e})"),
        st.tuples(st.sampled_from(["abs", "sqrt", "exp", "log1p", "tanh"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(st.sampled_from(["clip", "where", "min", "max"]), inner, inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]}, {t[3]})"
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(expressions, st.floats(-10, 10), st.floats(0.01, 100), st.lists(st.floats(-1e6, 1e6, width=32), min_size=6, max_size=6))
def test_any_expression_is_finite_and_within_its_clip(expr, weight, clip, values):
    if len(expr) > 200:
        return
    spec = RewardSpec(terms=(RewardTerm(name="t", expr=expr, weight=weight, clip=clip),))
    try:
        reward = compile_spec(spec, FEATURES)(np.array(values, np.float32).reshape(2, 3))
    except CandidateFault as fault:
        assert "deeper" in fault.reason  # noqa: PT017 - the one refusal that the grammar above can run into
        return
    assert np.isfinite(reward).all()
    assert (np.abs(reward) <= bound(spec) * (1 + 1e-6) + 1e-6).all()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_text_is_read_or_refused_with_a_reason(text):
    for reader in (parse, read_expression):
        with contextlib.suppress(CandidateFault):
            reader(text)


def test_parentheses_alone_cost_nothing():
    assert count_nodes(read_expression("(" * 90 + "1" + ")" * 90)) == 1

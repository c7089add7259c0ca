"""Reward specs: read from text, compiled to a vectorised function, measured for complexity.

A spec is data (`records.RewardSpec`): `r_spec = sum(weight * clip(expr, -clip, clip))` over a transition's features.
A model wrote the text, so none of it is trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import RewardSpec
from ouroloop.rewards.expression import compile_expression, count_nodes, read_expression
from ouroloop.rewards.operations import Evaluate

Reward: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]

MAX_BYTES = 8192
FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)```", re.DOTALL)


def parse(text: str) -> RewardSpec:
    """Return the spec that a text contains, bare or in one fenced block; expressions are checked against the grammar.

    Raises:
        CandidateFault: layer `schema`: the text is too long or not one JSON object, has duplicate or unknown keys, NaN or
            more than 16 terms, two terms share a name, or an expression is outside the language.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise CandidateFault("schema", f"spec is {len(text.encode(errors='replace'))} bytes, at most {MAX_BYTES} are allowed")
    body = _unfence(text)
    try:
        json.loads(body, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        spec = RewardSpec.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise CandidateFault("schema", _first(error)) from error
    except (ValueError, RecursionError) as error:
        raise CandidateFault("schema", f"spec is not JSON: {error}") from error
    names = [term.name for term in spec.terms]
    for name in names:
        if names.count(name) > 1:
            raise CandidateFault("schema", f"two terms are named {name!r}")
    for term in spec.terms:
        read_expression(term.expr)
    return spec


def compile_spec(spec: RewardSpec, features: Iterable[str], *, strict: bool = False) -> Reward:
    """Return the spec as a function (..., F) float32 -> (...,) float32.

    Args:
        spec: what `parse` returned.
        features: names of the F columns, in order.
        strict: give NaN if an expression leaves its domain (see `expression`).

    Raises:
        CandidateFault: layer `schema`, for an unknown feature.
    """
    terms = compile_terms(spec, features, strict=strict)

    def reward(transitions: NDArray[np.float32]) -> NDArray[np.float32]:
        x = transitions.astype(np.float64)
        total = np.zeros(x.shape[:-1])
        for term, evaluate in zip(spec.terms, terms, strict=True):
            total += term.weight * np.clip(evaluate(x), -term.clip, term.clip)
        return total.astype(np.float32)

    return reward


def compile_terms(spec: RewardSpec, features: Iterable[str], *, strict: bool = False) -> list[Evaluate]:
    """Return one unclipped, unweighted function (..., F) -> (...,) per term; see `compile_spec`."""
    columns = {name: index for index, name in enumerate(features)}
    return [compile_expression(read_expression(term.expr), columns, strict=strict) for term in spec.terms]


def complexity(spec: RewardSpec) -> int:
    """Return the number of operands and operations in all terms."""
    return sum(count_nodes(read_expression(term.expr)) for term in spec.terms)


def bound(spec: RewardSpec) -> float:
    """Return the largest |r_spec| that the clips allow."""
    return sum(abs(term.weight) * term.clip for term in spec.terms)


def _unfence(text: str) -> str:
    blocks = FENCE.findall(text)
    if len(blocks) > 1:
        raise CandidateFault("schema", f"found {len(blocks)} fenced blocks, expected one JSON object")
    return (blocks[0] if blocks else text).strip()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise CandidateFault("schema", f"key {key[:40]!r} is given twice")
    return dict(pairs)


def _refuse_constant(name: str) -> float:
    raise CandidateFault("schema", f"{name} is not a number that JSON knows")


def _first(error: ValidationError) -> str:
    detail = error.errors()[0]
    where = ".".join(map(str, detail["loc"])) or "spec"
    return f"{where}: {detail['msg']}"

"""Twins: candidates that say the same are one candidate, so that copies share neither a race's level nor its games.

Within a round, a candidate is compared with those proposed before it. A patch is also compared with the patches of earlier
rounds that raced against the present incumbent and were rejected: it is the same player, and the games have spoken. Not
racing never adds a false acceptance. A reward of an earlier round is no twin: it would be trained with another seed, to
other weights.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ouroloop.ledger.steps import screen
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.records import RewardSpec
from ouroloop.protocols.syntax import parse_expression, parse_module

if TYPE_CHECKING:
    from ouroloop.ledger.steps.screen import Screening
    from ouroloop.protocols.records import Candidate, Verdict
    from ouroloop.runs.context import Run


class Twins:
    """The candidates that a round has seen, by what they amount to."""

    def __init__(self, run: Run, round: int) -> None:
        """Begin with the patches that were rejected against the present incumbent."""
        self._run = run
        self._seen: dict[str, str] = {}
        for earlier in range(FIRST_ROUND, round):
            for candidate in refused(run, earlier):
                passed = run.result(screen.screen(earlier, candidate))
                self._seen[essence(run, passed)] = f"{candidate.id}, which lost its race against this incumbent"

    def of(self, candidate: Candidate, passed: Screening) -> str | None:
        """Return which candidate this one repeats, in words; None for the first of its kind, which is remembered."""
        what = essence(self._run, passed)
        if what in self._seen:
            return f"the same {'code' if candidate.patch is not None else 'reward'} as {self._seen[what]}"
        self._seen[what] = candidate.id
        return None


def refused(run: Run, round: int) -> list[Candidate]:
    """Return the round's patches that a race against the present incumbent rejected without preferring another patch."""
    raced = [(c, run.verdict(round, c)) for c in run.candidates(round) if c.kind == "patch"]
    if any(verdict.outcome == "accepted" for _, verdict in raced):
        return []
    return [candidate for candidate, verdict in raced if _lost(verdict) and verdict.incumbent == run.incumbent()]


def _lost(verdict: Verdict) -> bool:
    return (verdict.outcome, verdict.layer) == ("rejected", "gate")


def essence(run: Run, passed: Screening) -> str:
    """Return a hash of what a screened candidate says: its code without comments, its reward as a function."""
    code = None if passed.controller is None else bare_code(run.store.text(passed.controller))
    spec = None if passed.reward is None else bare_spec(RewardSpec.model_validate_json(run.store.text(passed.reward)))
    return content_hash([code, spec])


def bare_code(source: str) -> str:
    """Return a source as its syntax tree alone says it: without comments, layout and docstrings."""
    tree = parse_module(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def bare_spec(spec: RewardSpec) -> list[object]:
    """Return a spec's numbers and expressions. Names and order of its terms, and terms of weight 0, are for people alone."""
    terms = [[ast.unparse(parse_expression(one.expr)), one.weight, one.clip] for one in spec.terms if one.weight]
    return [sorted(terms), spec.gamma_r, spec.anneal.warmup, spec.anneal.decay, spec.loss.model_dump()]

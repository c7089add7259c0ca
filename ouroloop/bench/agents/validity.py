"""How many of a model's replies pass the screen: the share of usable rewards and patches, and what stops the others."""

from __future__ import annotations

import ast
import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ouroloop.agents.chat import ChatConfig
from ouroloop.agents.prompted.designer import ChatDesigner
from ouroloop.agents.prompted.hints import ideas, terms
from ouroloop.agents.prompted.patcher import ChatPatcher
from ouroloop.agents.prompted.patches import mended
from ouroloop.protocols.errors import RoleError, SurroundingsError
from ouroloop.protocols.records import Kind, RewardSpec, RewardTerm
from ouroloop.protocols.syntax import parse_expression
from ouroloop.runs import lifecycle
from ouroloop.runs.phases.observe import decide, observe
from ouroloop.runs.phases.propose import proposals, question
from ouroloop.runs.phases.screen import sampled_transitions, screening
from ouroloop.runs.phases.start import start
from ouroloop.runs.phases.twins import bare_code
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import load_recipe

if TYPE_CHECKING:
    from ouroloop.ledger.steps.screen import Screening
    from ouroloop.runs.context import Run

AT_ONCE = 50
"""Questions of one request."""


@dataclass(slots=True)
class Replies:
    """What became of a model's replies.

    Args:
        kind: what was asked for.
        asked: the number of questions.
        passed: the number of replies that passed every layer of the screen.
        copies: how many of those say no more than the idea in the prompt of some question.
        different: how many different candidates those that passed are.
        stopped: layer -> the number of replies that it refused; `no reply` for questions without one.
        reasons: layer and reason of each refused reply.
        seconds: wall clock of all questions.
    """

    kind: Kind
    asked: int = 0
    passed: int = 0
    copies: int = 0
    different: int = 0
    stopped: Counter[str] = field(default_factory=Counter)
    reasons: list[tuple[str, str, str]] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def begun(folder: Path, recipe: Path, *overrides: str) -> Iterator[Run]:
    """Yield a run whose first round has been observed, so that its roles can be asked."""
    lifecycle.create(load_recipe(recipe, overrides), folder, Quiet(notes=False))
    with lifecycle.opened(folder, Quiet(notes=False)) as run:
        start(run)
        observe(run, 1)
        decide(run, 1)
        yield run


def replies(
    run: Run, config: ChatConfig, kind: Kind, count: int, tell: Callable[[int, int], None] = lambda done, passed: None
) -> Replies:
    """Ask a model for candidates and screen each of them.

    Args:
        run: a run whose first round has been observed.
        config: the model.
        kind: `reward` or `patch`.
        count: the number of questions.
        tell: called with the number of questions that are done, and of replies that have passed.

    Raises:
        SurroundingsError: no question was answered, which says nothing of the model.
    """
    role: Any = ChatDesigner(config) if kind == "reward" else ChatPatcher(config)
    found, transitions = Replies(kind), cache(lambda: sampled_transitions(run))
    params: Any = question(run, 1, kind, 1).params
    shown, said = {_idea(kind, params, index) for index in range(AT_ONCE)}, set()
    while found.asked < count:
        size = min(AT_ONCE, count - found.asked)
        request = params.model_copy(update={"count": size, "seed": params.seed + found.asked})
        begun_s = time.monotonic()
        try:
            reply = asyncio.run(role.act(request))
        except RoleError as error:
            found.stopped["no reply"] += size
            found.reasons.append(("no reply", str(error), ""))
            found.asked += size
            continue
        found.seconds += time.monotonic() - begun_s
        for candidate in (made.candidate for made in proposals(role.name, kind, reply)):
            screened = screening(run, candidate, transitions)
            if screened.outcome == "passed":
                found.passed += 1
                what = _said(run, screened)
                found.copies += what in shown
                said.add(what)
            else:
                found.stopped[screened.layer] += 1
                found.reasons.append((screened.layer, screened.reason, candidate.patch or candidate.reward or ""))
        found.stopped["no reply"] += len(reply.lost)
        found.asked += size
        tell(found.asked, found.passed)
    if not found.seconds:
        raise SurroundingsError(f"no question was answered: {found.reasons[-1][1] if found.reasons else 'none was put'}")
    found.different = len(said)
    return found


def _said(run: Run, screened: Screening) -> str:
    """Return what a screened candidate says, in a form that two with equal content share."""
    if screened.controller is not None:
        return bare_code(run.store.text(screened.controller))
    assert screened.reward is not None
    return str(_terms(RewardSpec.model_validate_json(run.store.text(screened.reward)).terms))


def _idea(kind: Kind, params: Any, index: int) -> str:
    """Return what a candidate would say that only copies the idea in the prompt of a question."""
    findings = params.diagnosis.findings
    if kind == "reward":
        return str(_terms(terms(params.features, findings, index)))
    body = ideas(params.toolkit, len(params.actions), findings, index)
    tools = [tool.name for tool in params.toolkit]
    return bare_code(mended(f"def act(observation, logits):\n{body}\n", tools))


def _terms(spec: Sequence[RewardTerm]) -> list[tuple[str, float, float]]:
    """Return what terms pay, without their names and in a fixed order."""
    return sorted((ast.unparse(parse_expression(term.expr)), term.weight, term.clip) for term in spec)

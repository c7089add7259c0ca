"""How many of a model's replies pass the screen: the share of usable rewards and patches, and what stops the others."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ouroloop.agents.chat import ChatConfig
from ouroloop.agents.prompted.designer import ChatDesigner
from ouroloop.agents.prompted.patcher import ChatPatcher
from ouroloop.protocols.errors import RoleError
from ouroloop.protocols.records import Kind
from ouroloop.runs import lifecycle
from ouroloop.runs.phases.observe import decide, observe
from ouroloop.runs.phases.propose import proposals, question
from ouroloop.runs.phases.screen import sampled_transitions, screening
from ouroloop.runs.phases.start import start
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import load_recipe

if TYPE_CHECKING:
    from ouroloop.runs.context import Run

AT_ONCE = 10
"""Questions of one request."""


@dataclass(slots=True)
class Replies:
    """What became of a model's replies.

    Args:
        kind: what was asked for.
        asked: the number of questions.
        passed: the number of replies that passed every layer of the screen.
        stopped: layer -> the number of replies that it refused; `no reply` for questions without one.
        reasons: layer and reason of each refused reply.
        seconds: wall clock of all questions.
    """

    kind: Kind
    asked: int = 0
    passed: int = 0
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


def replies(run: Run, config: ChatConfig, kind: Kind, count: int, tell: Callable[[int], None] = lambda done: None) -> Replies:
    """Ask a model for candidates and screen each of them.

    Args:
        run: a run whose first round has been observed.
        config: the model.
        kind: `reward` or `patch`.
        count: the number of questions.
        tell: called with the number of questions that are done.
    """
    role: Any = ChatDesigner(config) if kind == "reward" else ChatPatcher(config)
    found, transitions = Replies(kind), cache(lambda: sampled_transitions(run))
    params: Any = question(run, 1, kind, 1).params
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
        for candidate, _ in proposals(role.name, kind, reply):
            screened = screening(run, candidate, transitions)
            if screened.outcome == "passed":
                found.passed += 1
            else:
                found.stopped[screened.layer] += 1
                found.reasons.append((screened.layer, screened.reason, candidate.patch or candidate.reward or ""))
        found.stopped["no reply"] += len(reply.lost)
        found.asked += size
        tell(found.asked)
    return found

"""The static screen: from a model's answer to a controller that may enter a sandbox, cheapest layer first.

It reduces what a sandbox must withstand, but does not replace one. A controller that passes here is still hostile.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.allowlist import check_tree, parse
from ouroloop.sandbox.screen.diff import apply_diff, check_paths, make_diff
from ouroloop.sandbox.screen.edits import apply_edits
from ouroloop.sandbox.screen.encoding import check_characters, check_layout
from ouroloop.sandbox.screen.lint import check_bandit
from ouroloop.sandbox.screen.reply import read_reply


@dataclass(frozen=True, slots=True)
class Screened:
    """A controller that passed the static layers.

    Args:
        source: the whole new controller.
        diff: from the base to `source`, computed here, never the model's own text.
        ms: milliseconds spent in each layer.
    """

    source: str
    diff: str
    ms: dict[str, float]


def static_screen(text: str, base: str) -> Screened:
    """Pass a model's answer (see `reply.Payload`) through the layers text, bytes, path, ast and bandit.

    Args:
        text: the answer, unchecked.
        base: the incumbent's controller.

    Raises:
        CandidateFault: from the first layer that refused, with the reason.
    """
    ms: dict[str, float] = {}
    with _timed(ms, "text"):
        payload = read_reply(text)
    with _timed(ms, "bytes"):
        check_characters(payload.body)
    source = payload.body
    if payload.kind == "diff":
        with _timed(ms, "path"):
            check_paths(source)
        with _timed(ms, "text"):
            source = _ended(apply_diff(payload.body, base))
    elif payload.kind == "edits":
        with _timed(ms, "text"):
            source = _ended(apply_edits(list(payload.edits), base))
    if payload.kind != "source":
        with _timed(ms, "bytes"):
            check_characters(source)
    with _timed(ms, "text"):
        diff = make_diff(base, source)
        if not diff:
            raise CandidateFault("text", "the patch changes nothing")
    with _timed(ms, "bytes"):
        check_layout(source)
    with _timed(ms, "ast"):
        tree = parse(source)
        check_tree(tree)
        _check_effect(tree, base)
    with _timed(ms, "bandit"):
        check_bandit(source)
    return Screened(source, diff, ms)


@contextmanager
def _timed(ms: dict[str, float], layer: str) -> Iterator[None]:
    """Add the time of the block to a layer's total."""
    start = perf_counter()
    yield
    ms[layer] = ms.get(layer, 0.0) + (perf_counter() - start) * 1e3


def _ended(source: str) -> str:
    """Return the source with a line feed at its end."""
    return source if source.endswith("\n") else source + "\n"


def _check_effect(tree: ast.Module, base: str) -> None:
    """Refuse a patch that changes only comments and layout."""
    if ast.dump(tree) == ast.dump(ast.parse(base)):
        raise CandidateFault("ast", "the patch changes only comments or layout")

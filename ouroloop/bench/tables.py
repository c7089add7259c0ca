"""A benchmark's document for human readers, as tables."""

from __future__ import annotations

from typing import Any

from rich.console import Group

from ouroloop.bench import ablation, page
from ouroloop.bench.agents import tables as agents_show
from ouroloop.bench.gate import tables as gate_show
from ouroloop.bench.perception import tables as perception_show
from ouroloop.bench.policy import tables as policy_show
from ouroloop.bench.sandbox.tables import sandbox_tables
from ouroloop.bench.snake.tables import encoding_tables, engine_tables, plan_tables, teacher_tables


def tables(name: str, document: dict[str, Any]) -> Group:
    """Return a benchmark's document as tables."""
    makers = {
        "ablation": ablation.tables,
        "agents": agents_show.tables,
        "encodings": encoding_tables,
        "engine": engine_tables,
        "gate": gate_show.tables,
        "page": page.tables,
        "perception": perception_show.tables,
        "plan": plan_tables,
        "policy": policy_show.tables,
        "sandbox": sandbox_tables,
        "teachers": teacher_tables,
    }
    return Group(*makers[name](document))

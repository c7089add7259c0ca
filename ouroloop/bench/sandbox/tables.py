"""The sandboxes' benchmark as tables."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def sandbox_tables(document: dict[str, Any]) -> list[Table]:
    """Return starts and batches, the hostile controllers, and what they cost the next session."""
    boxes = [name for name in ("docker", "wasm") if name in document]
    costs = Table(f"{document['rows']} positions of {document['size']}x{document['size']}", "native", *boxes, pad_edge=False)

    def row(label: str, *path: str) -> None:
        values = [nested(document.get(name, {}), path) for name in ("native", *boxes)]
        costs.add_row(label, *("" if value is None else f"{value:g}" for value in values))

    for label, key in (("cold start, ms", "cold_ms"), ("start from the pool, ms", "warm_ms")):
        row(label, key)
    row("a batch's round trip without act, ms", "round_trip_ms")
    for controller in document["act_alone"]["actions_per_s"]:
        row(f"{controller}: actions/s", "actions_per_s", controller)
        row(f"{controller}: speed over the native worker's", "speed_over_native", controller)
        row(f"{controller}: speed over act alone", "speed_over_act_alone", controller)
    gone = Table("gone after, s (granted; deadline)", *boxes, pad_edge=False)
    for kind in document[boxes[0]]["hostile"]:
        found = [document[name]["hostile"][kind] for name in boxes]
        gone.add_row(kind, *(f"{f['gone_s']:g} ({f['granted_s']:g}; {f['deadline_s']:g})" for f in found))
    after = Table("a healthy session beside 20 hostile ones", *boxes, pad_edge=False)
    for key in document[boxes[0]]["aftermath"]:
        after.add_row(key.replace("_", " "), *(f"{document[name]['aftermath'][key]:g}" for name in boxes))
    rest = Table("static screen, verdicts", "value", pad_edge=False)
    rest.add_row(f"screen of {document['screen']['lines']} lines, ms", f"{document['screen']['total_ms']:g}")
    rest.add_row("verdicts equal", f"{document['verdicts']['equal']} of {document['verdicts']['cases']}")
    return [costs, gone, after, rest]


def nested(value: Any, path: tuple[str, ...]) -> Any:
    """Return the value at a path of keys; None if the path ends early."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value

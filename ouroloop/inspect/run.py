"""What a run's ledger says, as JSON (DESIGN section 9) and as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ouroloop.gate.spending import spending
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.store import Store
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.budget import prices, totals
from ouroloop.runs.context import INCUMBENT_METHODS, rolled_back, spent
from ouroloop.runs.lifecycle import is_running, read_recipe

if TYPE_CHECKING:
    from rich.table import Table


class Report:
    """Reads a run directory; changes nothing."""

    def __init__(self, folder: Path) -> None:
        """Open it; raises UsageError where it is none, LedgerError where it is damaged."""
        self.folder = folder
        self.ledger = Ledger(folder / "ledger.sqlite", "read")  # first: one of another version says so
        self.recipe = read_recipe(folder)
        self.store = Store(folder / "artifacts")
        self._steps = {s.key: s for s in self.ledger.steps()}
        self._rolled_back = rolled_back(self.ledger)

    def document(self) -> dict[str, Any]:
        """Return the whole run in the form of `show --json`."""
        used = totals(self.ledger, prices(self.recipe.roles))
        return {
            "run": self.folder.name,
            "status": self.status(),
            "digest": self.ledger.digest(),
            "seed": self.recipe.seed,
            "start": self._start(),
            "gate": self._gate(),
            "rounds": [self.round(n) for n in range(self.rounds())],
            "totals": {"games": used.games, "tokens": used.tokens, "cost_usd": used.cost_usd, "wall_s": round(used.wall_s, 3)},
        }

    def status(self) -> str:
        """Return `running`, `done`, `stopped` or `failed`; a run that was killed counts as stopped."""
        noted = self.ledger.meta("status") or "stopped"
        return "stopped" if noted == "running" and not is_running(self.folder) else noted

    def rounds(self) -> int:
        """Return the number of rounds that have begun to have candidates."""
        return sum(1 for key in self._steps if key.endswith("/propose/all"))

    def _result(self, key: str) -> Any:
        return self._steps[key].result if key in self._steps else None

    def _start(self) -> dict[str, Any] | None:
        begun, score = self._result("start/incumbent"), self._result("start/score")
        if not begun or not score:
            return None
        spec = json.loads(self.store.text(begun["incumbent"]["reward"]))
        return {**begun["incumbent"], **_measures(score), "reward_spec": spec}

    def _gate(self) -> dict[str, Any]:
        """Return how the run's budget of error is spent: rule, what it bounds, budget, races, and what remains for more."""
        settings, races = self.recipe.gate, spent(self.ledger)
        rule = spending(settings.spending, settings.alpha)
        return {
            "rule": rule.name,
            "controls": rule.controls,
            "alpha": rule.alpha,
            "races": len(races),
            "candidates": sum(len(s.result["candidates"]) for s in self._steps.values() if s.method == "gate.spend"),
            "accepted": sum(race.accepted for race in races),
            "left": rule.left(races),
            "next": rule.level(races),
        }

    def round(self, index: int) -> dict[str, Any]:
        """Return one round."""
        decided = self._result(f"{index}/decide")
        shares = self._result(f"{index}/attribute")
        return {
            "index": index,
            "mode": decided["mode"],
            "why": decided["why"],
            "candidates": [self._candidate(index, c) for c in self._result(f"{index}/propose/all")],
            "incumbent": self._incumbent(index),
            "attribution": _shares(shares["round"]) if shares else None,
            "attribution_total": _shares(shares["total"]) if shares else None,
        }

    def _incumbent(self, index: int) -> dict[str, Any] | None:
        """Return the incumbent that came out of a round, with its score on that round's watch seeds."""
        seen = self._result(f"{index}/watch/again") or self._result(f"{index}/watch/play")
        if seen is None:
            return None
        plays: dict[str, Any] = {}
        for step in self._steps.values():
            if step.method in INCUMBENT_METHODS:
                plays = step.result["incumbent"]
            if step.result is seen:
                break
        return {**plays, **_measures(seen)}

    def _candidate(self, index: int, proposed: dict[str, Any]) -> dict[str, Any]:
        id = proposed["id"]
        verdict = self._result(f"{index}/verdict/{id}") or {"outcome": "pending", "layer": "", "reason": ""}
        screened = self._result(f"{index}/screen/{id}") or {}
        back = self._rolled_back.get(id)
        return {
            "id": id,
            "kind": proposed["kind"],
            "role": proposed["role"],
            "rationale": proposed["rationale"],
            "verdict": "rolled_back" if back is not None else verdict["outcome"],
            "layer": "watch" if back is not None else verdict["layer"],
            "reason": back if back is not None else verdict["reason"],
            "effect": verdict.get("effect"),
            "e_value": verdict.get("e_value"),
            "alpha": verdict.get("alpha"),
            "seeds": verdict.get("seeds"),
            "t_test": verdict.get("t_test"),
            "regret": verdict.get("regret"),
            "diff": self._diff(proposed, screened),
            "reward": self._reward(proposed, screened),
        }

    def _diff(self, proposed: dict[str, Any], screened: dict[str, Any]) -> str | None:
        if proposed["kind"] == "reward":
            return None
        return self.store.text(screened["diff"]) if "diff" in screened else str(proposed["text"])

    def _reward(self, proposed: dict[str, Any], screened: dict[str, Any]) -> dict[str, Any] | None:
        if proposed["kind"] == "patch":
            return None
        if "reward" in screened:
            return dict(json.loads(self.store.text(screened["reward"])))
        return {"text": proposed["text"] if proposed["kind"] == "reward" else proposed["reward"]}

    def candidate(self, id: str) -> dict[str, Any]:
        """Return one candidate by id, with its round.

        Raises:
            UsageError: the run has no such candidate.
        """
        for index in range(self.rounds()):
            for proposed in self._result(f"{index}/propose/all"):
                if proposed["id"] == id:
                    return {"round": index, **self._candidate(index, proposed)}
        known = [c["id"] for n in range(self.rounds()) for c in self._result(f"{n}/propose/all")]
        raise UsageError(f"run {self.folder.name} has no candidate {id!r}; it has {', '.join(known) or 'none yet'}")

    def pair(self, a: str, b: str) -> tuple[str, str]:
        """Return two candidates' controllers, or their reward specs as indented JSON; `start` and `both` go with either.

        Raises:
            UsageError: no such candidate, one did not pass the screen, or a patch is compared with a reward.
        """
        kinds = {self.candidate(id)["kind"] for id in (a, b) if id != "start"} - {"both"} or {"patch"}
        if len(kinds) > 1:
            raise UsageError(f"{a} and {b} are of different kinds; compare two patches or two rewards, or one with `start`")
        kind = kinds.pop()
        return self._part(a, kind), self._part(b, kind)

    def _part(self, id: str, kind: str) -> str:
        name = "controller" if kind == "patch" else "reward"
        if id == "start":
            begun = self._result("start/incumbent")
            if begun is None:
                raise UsageError(f"run {self.folder.name} has no start yet: resume it first")
            parts = begun["incumbent"]
        else:
            found = self.candidate(id)
            parts = self._result(f"{found['round']}/screen/{id}") or {}
            if name not in parts:
                raise UsageError(
                    f"{id} did not pass the screen ({found['layer']}: {found['reason']}), so there is nothing to compare"
                )
        text = self.store.text(parts[name])
        return text if kind == "patch" else json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()


def _shares(found: dict[str, Any]) -> dict[str, Any]:
    """Return an attribution: the estimates by part, their 95 % intervals, whom the gain belongs to, and seeds played."""
    parts = ("reward", "code", "interaction", "total")
    intervals = {part: [found[part]["low"], found[part]["high"]] for part in parts}
    estimates = {part: found[part]["estimate"] for part in parts}
    return {**estimates, "intervals": intervals, "owner": found["owner"], "games": found["games"]}


def _measures(seen: dict[str, Any]) -> dict[str, Any]:
    return {k: seen[k] for k in ("score", "win_rate", "path_optimality", "utility")}


STYLES = {"accepted": "bold green", "rejected": "red", "rolled_back": "yellow", "pending": "dim"}


def rounds_table(document: dict[str, Any]) -> Table:
    """Return the table of rounds: mode, candidate, verdict and reason, effect with bounds, games."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{document['run']}: {document['status']}", title_justify="left", pad_edge=False)
    columns: dict[str, dict[str, Any]] = {
        "round": {"justify": "right"},
        "mode": {},
        "candidate": {"no_wrap": True},
        "verdict": {"no_wrap": True},
        "layer: reason": {"ratio": 1},
        "effect [95 %]": {"no_wrap": True},
        "pairs": {"justify": "right"},
        "score after": {"no_wrap": True},
    }
    for name, options in columns.items():
        table.add_column(name, **options)
    if document["start"]:
        table.add_row("", "start", "", "", "", "", "", _score(document["start"]))
    for entry in document["rounds"]:
        candidates = entry["candidates"] or [None]
        for i, c in enumerate(candidates):
            head = (str(entry["index"] + 1), entry["mode"]) if i == 0 else ("", "")
            tail = _score(entry["incumbent"]) if i == len(candidates) - 1 and entry["incumbent"] else ""
            if c is None:
                table.add_row(*head, "", "", "no role gave a candidate", "", "", tail)
                continue
            effect = c["effect"]
            bounds = f"{effect['utility']:+.3f} [{effect['low']:+.2f}, {effect['high']:+.2f}]" if effect else ""
            verdict = Text(c["verdict"], style=STYLES[c["verdict"]])
            table.add_row(
                *head, c["id"], verdict, f"{c['layer']}: {c['reason']}", bounds, str(effect["games"]) if effect else "", tail
            )
        table.add_section()
    return table


def _score(incumbent: dict[str, Any]) -> str:
    score = incumbent["score"]
    return f"{score['mean']:.1f} [{score['low']:.1f}, {score['high']:.1f}]"

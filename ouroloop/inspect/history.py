"""A run as a table with a row per round: best score, change of reward, lines patched, and who gets the credit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from rich.table import Table

    from ouroloop.inspect.document import Attribution, Part, Round, RunDocument, Spec, Term

PARTS: Final[tuple[Part, ...]] = ("reward", "code", "interaction")
ALL_PARTS: Final[tuple[Part, ...]] = (*PARTS, "total")


LEAST: Final = {"reward change": 8, "gain in utility [95 %]": 12}
"""The least widths of columns whose words are longer than most, for narrow terminals."""


class Row(TypedDict):
    """A row of the table, as text: a round, or the start."""

    round: int | str
    best: str
    reward: str
    lines: int
    gain: str
    owner: str


def history_table(document: RunDocument) -> Table:
    """Return the table of a run's document."""
    from rich.table import Table

    table = Table(title="reward and patch history", title_justify="left", pad_edge=False)
    for name in ("round", "best score", "reward change", "patch lines", "gain in utility [95 %]", "whose gain"):
        right = name in ("round", "best score", "patch lines")
        table.add_column(name, justify="right" if right else "left", min_width=LEAST.get(name, 5))
    for row in [*history(document), *_now(document)]:
        table.add_row(*(str(value) for value in row.values()))
    return table


def _now(document: RunDocument) -> list[Row]:
    """Return a last row for what plays now, if a rollback by hand has changed it since the last round."""
    rounds, now = document["rounds"], document["incumbent"]
    if now is None or not rounds or rounds[-1]["incumbent"] is None or rounds[-1]["stands"]:
        return []
    rows = history(document)
    return [{**rows[-1], "round": "now", "reward": "-", "lines": 0, "gain": "-", "owner": "after a rollback"}]


def history(document: RunDocument) -> list[Row]:
    """Return the table's rows, the first for the start."""
    if document["start"] is None:
        return []
    best, rewards = document["start"]["score"]["mean"], Rewards(document["start"]["reward_spec"])
    rows = [_row("start", best, "baseline", 0, None, "")]
    for entry in document["rounds"]:
        accepted = [c for c in entry["candidates"] if c["verdict"] == "accepted"]
        lines = sum(patched_lines(c["diff"]) for c in accepted if c["diff"])
        specs = [c["reward"] for c in accepted if c["reward"]]
        change = "; ".join(rewards.become(spec) for spec in specs if "terms" in spec) or "-"
        score = entry["incumbent"]["score"]["mean"] if entry["incumbent"] else best
        best = max(best, score) if entry["stands"] else best
        rows.append(_row(entry["index"], best, change, lines, entry["attribution"], _since(entry)))
    return rows


def _since(entry: Round) -> str:
    """Return which of a round's accepted candidates have been rolled back since."""
    back = [c["id"] for c in entry["candidates"] if c["verdict"] == "rolled_back"]
    return f"; rolled back since: {', '.join(back)}" if back else ""


def _row(round: int | str, best: float, change: str, lines: int, shares: Attribution | None, since: str) -> Row:
    return {
        "round": round,
        "best": f"{best:.1f}",
        "reward": change,
        "lines": lines,
        "gain": _figures(shares, PARTS) if shares else "-",
        "owner": (shares["owner"] if shares else "-") + since,
    }


def _figures(shares: Attribution, parts: tuple[Part, ...]) -> str:
    """Return the estimates of the parts that changed anything, with their intervals."""
    said = []
    for part in parts:
        low, high = shares["intervals"][part]
        if (low, high) != (0, 0):
            said.append(f"{part} {shares[part]:+.3f} [{low:+.3f}, {high:+.3f}]")
    return ", ".join(said) or "none"


def patched_lines(diff: str) -> int:
    """Return how many lines a diff removes and adds."""
    return sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in diff.splitlines() if line)


class Rewards:
    """Tells how each accepted reward differs from the one before it."""

    def __init__(self, spec: Spec) -> None:
        """Start from a spec."""
        self._terms: dict[str, Term] = {term["name"]: term for term in spec["terms"]}
        self._gamma = float(spec["gamma_r"])

    def become(self, spec: Spec) -> str:
        """Move to the next spec; return what changed: terms added, dropped, raised or lowered, with their weights."""
        terms = {term["name"]: term for term in spec["terms"]}
        old, said = self._terms, []
        said += [f"add {name} {term['weight']:+g}" for name, term in terms.items() if name not in old]
        said += [f"drop {name}" for name in old if name not in terms]
        for name in terms.keys() & old.keys():
            now, before = terms[name]["weight"], old[name]["weight"]
            if now != before:
                said.append(f"{name} {'↑' if now > before else '↓'} {abs(now - before):g}")
            elif terms[name] != old[name]:
                said.append(f"{name} rewritten")
        gamma = float(spec["gamma_r"])
        if old and gamma != self._gamma:
            said.append(f"gamma_r {'↑' if gamma > self._gamma else '↓'} {abs(gamma - self._gamma):g}")
        self._terms, self._gamma = terms, gamma
        return ", ".join(sorted(said)) or "same terms, other schedule"


def attribution_lines(document: RunDocument) -> list[str]:
    """Return who gets the credit: for each round that accepted something, and for the run so far."""
    lines: list[str] = []
    last: tuple[int, Attribution] | None = None
    for entry in document["rounds"]:
        if entry["attribution"] and entry["attribution_total"]:
            lines.append(f"round {entry['index']}: {_credit(entry['attribution'])}{_since(entry)}")
            last = (entry["index"], entry["attribution_total"])
    if last is None:
        return lines
    number, total = last
    if undone := document["rounds"][number - 1]["undone"]:
        lines.append(f"from the start to now: not measured since {', '.join(undone)} was rolled back")
    elif len(lines) > 1:
        lines.append(f"from the start to round {number}: {_credit(total)}")
    return lines


def naming_line(document: RunDocument) -> str | None:
    """Return how attributions are to be read; None if there is none."""
    if not any(entry["attribution"] for entry in document["rounds"]):
        return None
    return "these intervals hold at 95 % each; a part is named at the level given, which is corrected over the run's rounds"


def _credit(shares: Attribution) -> str:
    figures = _figures(shares, ALL_PARTS)
    named = f"{shares['owner']} (named at level {shares['level']:.2g})"
    return f"{named}: {figures} utility over {shares['games']} fresh seeds"


def score_line(document: RunDocument) -> str | None:
    """Return how the build that plays now scores, and what "best score" is worth; None before it has been scored."""
    now = document["incumbent"]
    if now is None:
        return None
    means = 1 + sum(entry["stands"] for entry in document["rounds"])
    score = now["score"]
    best = f"; best score is the highest of {means} noisy means, and too high on average" if means > 1 else ""
    return f"score now: {score['mean']:.1f} [{score['low']:.1f}, {score['high']:.1f}]{best}"


def selection_line(document: RunDocument) -> str | None:
    """Return what an accepted candidate's effect in the table is worth; None if none was accepted."""
    if not any(c["acceptance"] for entry in document["rounds"] for c in entry["candidates"]):
        return None
    return (
        "effects of accepted candidates are too high on average, because their races stopped when they were high; "
        "`who gets the credit` and `show --candidate` give the gain on fresh games"
    )


def budget_line(document: RunDocument) -> str:
    """Return how much of the run's error budget is spent, and what is left."""
    gate = document["gate"]
    used = f"{gate['candidates']} candidates tested in {gate['races']} races, {gate['accepted']} accepted"
    return (
        f"error budget ({gate['rule']}: {gate['controls']}): {gate['alpha']:g}; {used}; "
        f"{gate['left']:.3g} left, and the next race gets {gate['next']:.3g} of it"
    )

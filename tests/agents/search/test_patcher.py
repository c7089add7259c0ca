"""The searching patcher and the plans it breeds."""

from __future__ import annotations

import ast
import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.agents.search.composer import ARGMAX, Plan, Proposal, Rank, diff, render
from ouroloop.agents.search.patcher import PatcherConfig, SearchPatcher
from ouroloop.agents.search.plan_reader import read
from ouroloop.protocols.messages import PatchRequest, Tried
from tests.agents.fixtures import TASK, TOOLS, apply, patch_request, play


def propose(request: PatchRequest) -> list[str]:
    """Return the sources that a request's diffs lead to."""
    reply = asyncio.run(SearchPatcher(PatcherConfig()).act(request))
    return [apply(p.text, request.source) for p in reply.proposals]


def of(kind: str) -> list[str]:
    return [tool.name for tool in TOOLS if tool.kind == kind]


def tried(source: str, effect: float, outcome: str = "rejected") -> Tried:
    return Tried(
        round=0, kind="patch", role="search-patcher", outcome=outcome, layer="gate", reason="r", effect=effect, source=source
    )


factors = st.sampled_from((0.1, 0.25, 0.5, 1.0, 2.0, 4.0, -0.1, -0.5, -1.0, -4.0))
measures = st.sampled_from([*of("measure"), "logits"])


@st.composite
def plans(draw) -> Plan:
    mixed = draw(st.booleans())
    names = draw(st.lists(measures, min_size=2 if mixed else 1, max_size=3, unique=True))
    signs = factors if mixed else st.sampled_from((1.0, -1.0))
    proposals = st.builds(Proposal, st.sampled_from(of("move")), st.none() | st.sampled_from(of("test")))
    return Plan(
        start=draw(st.none() | st.sampled_from(of("moves"))),
        filters=tuple(draw(st.lists(st.sampled_from(of("test")), max_size=4, unique=True))),
        proposals=tuple(draw(st.lists(proposals, max_size=3, unique_by=lambda p: p.move))),
        ranking=tuple(Rank(name, draw(signs)) for name in names),
        mixed=mixed,
    )


@settings(max_examples=200, deadline=None)
@given(plans())
def test_a_plan_is_read_back_from_its_source(plan):
    source = render(plan, 4)
    assert read(source, 4) == plan
    assert len(source.splitlines()) < 40


def test_foreign_sources_are_no_plan():
    composed = render(Plan(start=of("moves")[0]), 4)
    for source in (TASK.start_controller, "", "def act(", "x = 1\n", composed + "\n# more\n", composed.replace("max(", "min(")):
        assert read(source, 4) is None


def test_every_operator_gives_code_that_plays(monkeypatch):
    """Every kind of edit, many seeds: what comes out runs on real positions and answers 0..3 (asserted by `play`)."""
    for seed in range(3):
        sources = propose(patch_request(seed=seed, count=16))
        assert len(sources) == 16
        for source in sources:
            play(source, monkeypatch, games=2)


def test_first_generation_holds_good_and_bad(monkeypatch):
    start = play(TASK.start_controller, monkeypatch, games=32)
    gains = [play(source, monkeypatch, games=8) - start for source in propose(patch_request(count=16))]
    assert sum(gain > 0.03 for gain in gains) >= 3
    assert sum(gain < 0.03 for gain in gains) >= 3


def test_same_seed_same_patches_other_seed_others():
    assert propose(patch_request(seed=5)) == propose(patch_request(seed=5))
    assert propose(patch_request(seed=5)) != propose(patch_request(seed=6))


def test_nothing_is_proposed_twice_or_again():
    first = propose(patch_request(count=32))
    again = propose(patch_request(count=32, tried=tuple(tried(source, -0.1) for source in first)))
    assert len(set(first)) == len(first) == 32
    assert not set(first) & set(again)
    assert TASK.start_controller not in first
    assert render(ARGMAX, 4) not in first


def test_it_goes_on_from_the_composed_source_it_is_given():
    source = render(Plan(start=of("moves")[0], filters=(of("test")[0],), ranking=(Rank("logits"),)), 4)
    kept = [of("test")[0] in new for new in propose(patch_request(source=source, count=16))]
    assert sum(kept) >= 8


def test_it_learns_from_what_did_well_and_what_did_not():
    good, bad = of("test")[0], of("test")[1]
    history = tuple(
        tried(render(Plan(filters=(name,), ranking=(Rank("logits"), Rank(measure))), 4), effect)
        for name, effect in ((good, 0.3), (bad, -0.3))
        for measure in of("measure")
    )
    sources = [s for seed in range(8) for s in propose(patch_request(seed=seed, count=8, tried=history))]
    uses = [sum(f"moves, {name})" in s for s in sources) for name in (good, bad)]
    assert uses[0] > 3 * max(uses[1], 1)


def test_it_is_led_by_the_words_of_the_findings():
    def share(finding: str, word: str) -> float:
        found = patch_request().diagnosis.findings[0].model_copy(update={"name": finding, "weight": 1.0, "evidence": finding})
        request = patch_request().model_copy(
            update={"diagnosis": patch_request().diagnosis.model_copy(update={"findings": (found,)})}
        )
        docs = {tool.name: tool.doc for tool in TOOLS if tool.kind == "test"}
        sources = [s for seed in range(20) for s in propose(request.model_copy(update={"seed": seed, "count": 16}))]
        drawn = [name for source in sources for name in docs if f"moves, {name})" in source]
        return sum(word in docs[name] for name in drawn) / len(drawn)

    assert share("tail cut off", "tail") > 1.3 * share("nothing at all", "tail")


def test_code_keeps_to_a_small_part_of_python():
    allowed = set(
        "Module ImportFrom alias FunctionDef arguments arg Assign If Return Call Lambda Name Load Store Constant ListComp "  # noqa: SIM905
        "comprehension BoolOp And Or Compare In Tuple Subscript UnaryOp USub BinOp Add Sub Mult keyword".split()
    )
    for seed in range(10):
        sources = propose(patch_request(seed=seed, count=16))
        assert len(sources) == 16
        for source in sources:
            tree = ast.parse(source)
            assert {type(node).__name__ for node in ast.walk(tree)} <= allowed
            imported = {a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
            named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert imported <= named, "an import that is not used"
            assert named & {t.name for t in TOOLS} <= imported
            assert max(map(len, source.splitlines())) < 240


@pytest.mark.parametrize("base", ["def act(observation, logits):\n    return 0", TASK.start_controller, ""])
def test_diffs_apply_to_any_source(base):
    new = render(Plan(start=of("moves")[0]), 4)
    assert apply(diff(base, new), base) == new


def test_a_toolkit_of_nothing_gives_no_patch_rather_than_an_error():
    assert propose(patch_request().model_copy(update={"toolkit": ()})) == []

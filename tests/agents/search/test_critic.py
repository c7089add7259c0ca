"""The critic's rules, one by one."""

from __future__ import annotations

import asyncio

import pytest

from ouroloop.agents.search.critic import CriticConfig, SearchCritic
from ouroloop.agents.search.evidence import affinities, polarity, words
from ouroloop.envs.snake.task import ENDINGS
from ouroloop.protocols.messages import DiagnoseRequest, Finding
from ouroloop.protocols.records import Ending
from tests.agents.fixtures import FACTS

HEALTHY = {"kl": 0.01, "entropy": 0.8, "clip_fraction": 0.05, "zero_variance": 0.1, "gain": 0.2}
CALM = FACTS.model_copy(
    update={"deaths": {"won": 1.0}, "win_rate": 1.0, "regret": {"late": 0.0}, "avoidable": 0.0, "training": HEALTHY}
)


def findings(**facts: object) -> dict[str, float]:
    request = DiagnoseRequest(task="snake", facts=CALM.model_copy(update=facts), endings=ENDINGS)
    return {f.name: f.weight for f in asyncio.run(SearchCritic(CriticConfig()).act(request)).findings}


def test_a_perfect_player_has_no_faults():
    assert findings() == {}


@pytest.mark.parametrize(
    ("facts", "name", "weight"),
    [
        ({"deaths": {"wall": 0.4, "won": 0.6}, "win_rate": 0.6}, "hits_wall", 0.4),
        ({"deaths": {"body": 0.4}, "avoidable": 1.0, "win_rate": 0.6}, "hits_body", 0.4),
        ({"deaths": {"body": 0.5}, "avoidable": 0.2, "win_rate": 0.5}, "trapped", 0.4),
        ({"deaths": {"starved": 0.2}, "win_rate": 0.8}, "starves", 0.2),
        ({"deaths": {"fell_into_pit": 0.3}, "win_rate": 0.7}, "lost_by_fell_into_pit", 0.3),
        ({"avoidable": 0.5, "win_rate": 0.5}, "avoidable_deaths", 0.25),
        ({"regret": {"late": 0.3}}, "late_regret", 0.3),
        ({"regret": {"early": 0.05}}, "detours", 0.05),
        ({"training": {}}, "training_stalled", 1.0),
        ({"training": {**HEALTHY, "gain": 0.0}}, "training_stalled", 0.5),
        ({"training": {**HEALTHY, "zero_variance": 0.9}}, "zero_variance", 0.9),
        ({"training": {**HEALTHY, "kl": 2.4}}, "kl_high", 0.6),
        ({"training": {**HEALTHY, "clip_fraction": 0.4}}, "clip_fraction_high", 0.3333),
        ({"training": {**HEALTHY, "entropy": 0.01}}, "entropy_low", 0.3),
    ],
)
def test_each_fact_gives_its_finding(facts, name, weight):
    assert findings(**facts)[name] == pytest.approx(weight)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (0, "no training under a designed reward yet"),
        (3, "no candidate trained under a designed reward stands, of 3 so far"),
    ],
)
def test_trainings_that_were_rejected_are_not_forgotten(made, says):
    facts = FACTS.model_copy(update={"training": {}, "trainings": made})
    reply = asyncio.run(SearchCritic(CriticConfig()).act(DiagnoseRequest(task="snake", facts=facts, endings=ENDINGS)))
    assert [f.evidence for f in reply.findings if f.name == "training_stalled"] == [says]


def test_heaviest_first_and_every_weight_a_share():
    request = DiagnoseRequest(
        task="snake", facts=FACTS.model_copy(update={"training": {**HEALTHY, "kl": 40.0}}), endings=ENDINGS
    )
    found = asyncio.run(SearchCritic(CriticConfig()).act(request)).findings
    weights = [f.weight for f in found]
    assert weights == sorted(weights, reverse=True)
    assert all(0 <= w <= 1 for w in weights)
    assert {"hits_wall", "hits_body", "starves", "kl_high"} <= {f.name for f in found}
    assert all("\n" not in f.evidence for f in found)


def test_words_meet_across_endings():
    assert words("starves") == words("starved") == words("starving")
    assert words("trapped") & words("trap it")
    assert words("the 12 x") == frozenset()


def test_polarity_reads_word_sense():
    assert polarity("wall_contact") < 0 < polarity("free_neighbours")
    assert polarity("turned_round_corner") <= 0
    assert polarity("xyzzy") == 0


def test_affinity_weighs_rare_shared_words_and_finding_weights():
    docs = {"a": "reaches the tail of the snake", "b": "hits the wall of the snake", "c": "the snake"}
    heavy = [Finding(name="hits_wall", weight=1.0, evidence="the snake"), Finding(name="tail", weight=0.1, evidence="")]
    found = affinities(docs, heavy)
    assert found["b"] == 1.0
    assert 0 < found["a"] < 0.5
    assert found["c"] < found["b"]
    assert affinities(docs, []) == {"a": 0.0, "b": 0.0, "c": 0.0}


def test_what_an_end_says_is_the_games_own():
    endings = {
        "fell": Ending(kind="blunder", finding="falls", doc="end on the floor", trap=True),
        "stuck": Ending(kind="idle", finding="stalls", doc="end where nothing moves"),
        "time": Ending(kind="over", finding="lasts", doc="end by the clock"),
    }
    facts = {"deaths": {"fell": 0.5, "stuck": 0.25, "time": 0.25}, "win_rate": 0.25, "avoidable": 0.5}
    request = DiagnoseRequest(task="balance", facts=CALM.model_copy(update=facts), endings=endings)
    found = {f.name: f for f in asyncio.run(SearchCritic(CriticConfig()).act(request)).findings}
    assert {name: f.mode for name, f in found.items() if name in ("falls", "stalls")} == {
        "falls": "bug_fix",
        "stalls": "reward_patch",
    }
    assert found["trapped"].weight == pytest.approx(0.25)
    assert "lasts" not in found

"""The searching designer: valid, new, seeded, led by evidence."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from ouroloop.agents.search.breeder import genes, spec_key
from ouroloop.agents.search.designer import DesignerConfig, SearchDesigner
from ouroloop.agents.spaces import RewardSpace
from ouroloop.protocols.messages import Finding, RewardRequest, Tried, Wish, Wished
from ouroloop.protocols.records import Loss, RewardSpec, RewardTerm
from ouroloop.rewards.language import compile_spec, parse
from tests.agents.fixtures import TASK, reward_request

INCUMBENT = RewardSpec(terms=(RewardTerm(name="pay_approach", expr="approach", weight=0.5),), gamma_r=0.2)


def design(request: RewardRequest) -> list[RewardSpec]:
    return [parse(p.spec) for p in asyncio.run(SearchDesigner(DesignerConfig()).act(request)).proposals]


def tried(spec: RewardSpec, effect: float) -> Tried:
    outcome = "accepted" if effect > 0 else "rejected"
    return Tried(round=0, kind="reward", role="r", outcome=outcome, layer="gate", reason="r", effect=effect, reward=spec)


@pytest.mark.parametrize("mode", ["reward_refresh", "reward_patch", "meta_learn", "bug_fix"])
def test_every_spec_is_in_the_language_and_differs_in_its_features(mode):
    for seed in range(6):
        specs = design(reward_request(seed=seed, count=8, mode=mode, incumbent=INCUMBENT))
        assert len(specs) == 8
        for spec in specs:
            compile_spec(spec, TASK.features)
            assert spec.terms
        assert len({frozenset(genes(spec, TASK.features)) for spec in specs}) >= 6


def test_same_seed_same_specs_other_seed_others():
    assert design(reward_request(seed=3)) == design(reward_request(seed=3))
    assert design(reward_request(seed=3)) != design(reward_request(seed=4))


def test_nothing_is_proposed_twice_or_again():
    first = design(reward_request(count=32, incumbent=INCUMBENT))
    again = design(reward_request(count=32, incumbent=INCUMBENT, tried=tuple(tried(spec, -0.01) for spec in first)))
    keys = {spec_key(spec) for spec in first}
    assert len(keys) == 32
    assert not keys & {spec_key(spec) for spec in again}
    assert spec_key(INCUMBENT) not in keys


def test_the_key_of_a_spec_knows_neither_names_nor_order():
    a, b = RewardTerm(name="a", expr="ate", weight=1.0), RewardTerm(name="b", expr="died", weight=-1.0)
    renamed = a.model_copy(update={"name": "z"})
    assert spec_key(RewardSpec(terms=(a, b))) == spec_key(RewardSpec(terms=(b, renamed)))
    assert spec_key(RewardSpec(terms=(a,))) != spec_key(RewardSpec(terms=(b,)))
    assert spec_key(RewardSpec(terms=(a,))) != spec_key(RewardSpec(terms=(a,), gamma_r=0.3))


def test_reward_patch_adds_terms_that_never_pay_to_the_incumbent():
    transitions = np.random.default_rng(0).uniform(0, 1, (200, len(TASK.features))).astype(np.float32)
    for seed in range(4):
        specs = design(reward_request(seed=seed, count=8, mode="reward_patch", incumbent=INCUMBENT))
        assert len(specs) == 8
        for spec in specs:
            added = tuple(term for term in spec.terms if term.expr != "approach")
            assert 1 <= len(added) <= 2
            assert INCUMBENT.terms[0] in spec.terms
            assert (compile_spec(RewardSpec(terms=added), TASK.features)(transitions) <= 0).all()


def test_proposals_are_partly_conservative_and_partly_bold():
    specs = [s for seed in range(8) for s in design(reward_request(seed=seed, count=8, incumbent=INCUMBENT))]
    near = sum(len(spec.terms) <= 2 and spec.gamma_r <= 0.3 for spec in specs)
    assert near >= len(specs) / 3
    assert any(len(spec.terms) >= 4 for spec in specs)
    assert len({spec.gamma_r for spec in specs}) >= 4
    assert any(spec.anneal.decay for spec in specs)


def test_it_learns_signs_and_features_from_what_was_tried():
    def term(expr: str, weight: float) -> RewardSpec:
        return RewardSpec(terms=(RewardTerm(name="t", expr=expr, weight=weight),))

    names = list(TASK.features)
    up, down = names[4], names[-1]
    history = [tried(term(f"{0.5 + i / 10} * {up}", 1.0), 0.2) for i in range(6)]
    history += [tried(term(f"{0.5 + i / 10} * {up}", -1.0), -0.2) for i in range(6)]
    history += [tried(term(f"{0.5 + i / 10} * {down}", 1.0), -0.2) for i in range(6)]
    specs = [s for seed in range(10) for s in design(reward_request(seed=seed, tried=tuple(history)))]
    count = {gene: sum(gene in genes(spec, TASK.features) for spec in specs) for gene in (f"+{up}", f"-{up}", f"+{down}")}
    assert count[f"+{up}"] > 3 * max(count[f"-{up}"], 1)
    assert count[f"+{up}"] > 3 * max(count[f"+{down}"], 1)


def test_the_rationale_says_what_and_why_in_one_line():
    reply = asyncio.run(SearchDesigner(DesignerConfig()).act(reward_request(count=4)))
    assert len(reply.proposals) == 4
    for proposal in reply.proposals:
        assert "\n" not in proposal.rationale
        assert "hits_wall" in proposal.rationale
        assert json.loads(proposal.spec)["terms"]


def test_reward_patch_also_changes_the_loss_in_half_of_its_proposals():
    specs = [
        s for seed in range(6) for s in design(reward_request(seed=seed, count=8, mode="reward_patch", incumbent=INCUMBENT))
    ]
    changed = [spec.loss.model_dump() for spec in specs if spec.loss != Loss()]
    assert 0.3 < len(changed) / len(specs) < 0.7
    assert {name for loss in changed for name in loss} == {"beta", "entropy", "epsilon_low", "epsilon_high"}
    assert all(spec.loss == Loss() for spec in design(reward_request(count=16)))


@pytest.mark.parametrize(("finding", "setting", "least"), [("kl_high", "beta", 0.05), ("entropy_low", "entropy", 0.003)])
def test_a_finding_about_the_training_has_its_remedy_tried(finding, setting, least):
    request = reward_request(count=16)
    findings = (Finding(name=finding, weight=1.0, evidence="of the training"),)
    request = request.model_copy(update={"diagnosis": request.diagnosis.model_copy(update={"findings": findings})})
    values = [value for spec in design(request) if (value := getattr(spec.loss, setting)) is not None]
    assert len([value for value in values if value >= least]) >= 2


def test_a_given_space_is_searched_in_mode_meta_learn_alone():
    term = {"name": "closer", "expr": "approach", "weight": [0.1, 1.1]}
    space = RewardSpace.model_validate({"terms": [term], "gamma_r": [0.1, 0.5]})
    role = SearchDesigner(DesignerConfig(space=space))

    def asked(mode, tried=()):
        reply = asyncio.run(role.act(reward_request(count=8, mode=mode, tried=tried)))
        return [parse(one.spec) for one in reply.proposals]

    assert all(space.holds(spec) for spec in asked("meta_learn"))
    assert not all(space.holds(spec) for spec in asked("reward_refresh"))
    best = RewardSpec(terms=(RewardTerm(name="closer", expr="approach", weight=1.0),), gamma_r=0.45)
    later = asked("meta_learn", (tried(best, 0.1),))
    assert sum(space.around(best).holds(spec) for spec in later) >= 4
    worse = asked("meta_learn", (tried(best, -0.1),))
    assert sum(space.around(best).holds(spec) for spec in worse) < 4


def test_a_wish_is_granted_by_a_fine_that_fits_its_words():
    wish = Wish(objective="less of trapped", constraints=("games end trapped in too little space",))
    wished = tuple(Wished(candidate=f"r1-patch{n}", diff="+", wish=wish) for n in (1, 2))
    request = reward_request(count=2, mode="meta_learn", incumbent=INCUMBENT).model_copy(update={"wishes": wished})
    reply = asyncio.run(SearchDesigner(DesignerConfig()).act(request))
    assert [one.rationale.rsplit(", ", 1)[1] for one in reply.proposals] == [
        "as the author of r1-patch1 wants",
        "as the author of r1-patch2 wants",
    ]
    for one in reply.proposals:
        assert INCUMBENT.terms[0] in parse(one.spec).terms

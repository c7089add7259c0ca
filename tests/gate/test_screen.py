"""The A* screen: a bank drawn evenly, failures kept without loss, and a merit that orders players as their games would."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import TypeAdapter

from ouroloop.envs.capabilities import phases_of
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.gate.bank import (
    FAILURE_SHARE,
    STARTS,
    Failures,
    build_bank,
    danger_of,
    draw,
    failures_text,
    read_failures,
)
from ouroloop.gate.screen import Answers, BankScore, View, answers, score_bank
from ouroloop.policy.play import play_traced
from ouroloop.protocols.records import Build, Candidate, Observations
from ouroloop.runs.phases.order import Examination, First
from ouroloop.runs.players import Player


class Greedy:
    """Rates moves by the straight way to the food, blind to its own body."""

    def logits(self, observations: Observations) -> np.ndarray:
        size = observations.constants["size"]
        head, food = (c.astype(int) for c in (observations.columns["snake"][:, 0], observations.columns["food"]))
        down, right = food // size - head // size, food % size - head % size
        return np.stack([-down, down, -right, right], axis=1).astype(np.float32)


class Taught:
    """Rates a teacher's move highest."""

    def __init__(self, name: str) -> None:
        self.name = name

    def logits(self, observations: Observations) -> np.ndarray:
        return np.eye(4, dtype=np.float32)[SnakeTask(6).teach(self.name, SnakeEngine.of(observations))]


class Circler:
    """A session that turns for ever."""

    def act(self, observations: Observations, logits: np.ndarray) -> np.ndarray:
        """Turn left of where the snake came from."""
        size, snake = observations.constants["size"], observations.columns["snake"].astype(int)
        came = snake[:, 0] - snake[:, 1]
        turned = {-size: 2, -1: 1, size: 3, 1: 0}
        return np.array([turned.get(step, 0) for step in came], np.int8)

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(scope="module")
def lost(task):
    trace = play_traced(task, Greedy(), np.arange(24, dtype=np.uint64))
    return Failures(trace.failures, trace.failure_regret)


@pytest.fixture(scope="module")
def bank(task, lost):
    return build_bank(task, 5, 96, [lost])


def equal(first: Observations, second: Observations) -> bool:
    tables = [(first.columns, second.columns), (first.lengths, second.lengths)]
    return first.constants == second.constants and all(
        a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a) for a, b in tables
    )


def lost_of(lost: int) -> np.ndarray:
    """Return pursuits of which the first so many are lost."""
    return np.arange(STARTS) < lost


def alone(bank, policy, session=None) -> Answers:
    return answers(bank, View(bank.observations, policy.logits(bank.observations)), policy, session)


def best(bank) -> Answers:
    return Answers(bank.regret.argmin(axis=1).astype(np.int8), np.zeros(bank.starts.games, bool))


def test_a_bank_is_a_function_of_task_seed_count_and_failures(task, lost, bank):
    again = build_bank(task, 5, 96, [lost])
    assert equal(bank.observations, again.observations)
    assert equal(bank.starts.observations(), again.starts.observations())
    assert all(np.array_equal(getattr(bank, n), getattr(again, n)) for n in ("regret", "phase", "danger", "weight"))
    assert not equal(bank.observations, build_bank(task, 6, 96, [lost]).observations)


def test_all_strata_are_there_and_none_drowns_the_others(task, bank):
    pool = task.positions(5, 768)
    there = np.bincount(3 * phases_of(task, pool) + danger_of(task.regret(pool)), minlength=9)
    mine = bank.phase >= 0
    drawn = np.bincount(3 * bank.phase[mine] + bank.danger[mine], minlength=9)
    assert ((drawn > 0) == (there > 0)).all()
    short = drawn == there
    assert drawn[~short].max() - drawn[~short].min() <= 1
    assert drawn[short].max(initial=0) <= drawn[~short].max()
    for phase in range(3):
        assert bank.weight[bank.phase == phase].sum() == pytest.approx(1)


def test_failures_come_first_newest_first_and_are_capped(task, lost, bank):
    most = int(96 * FAILURE_SHARE)
    assert len(lost.regret) > most
    assert len(bank) == 96
    assert ((bank.phase == -1) == (np.arange(96) < most)).all()
    assert equal(bank.observations.take(slice(0, most)), lost.observations.take(slice(0, most)))
    newer = Failures(lost.observations.take([3, 9]), lost.regret[[3, 9]])
    mixed = build_bank(task, 5, 96, [newer, lost])
    assert equal(mixed.observations.take([0, 1]), newer.observations)
    assert equal(mixed.observations.take(slice(2, most)), lost.observations.take(slice(0, most - 2)))
    assert (build_bank(task, 5, 96).phase >= 0).all()


def test_positions_that_bank_and_pool_share_are_counted_once(task, lost, bank):
    assert (len(bank), len(bank.pool)) == (96, 768)
    assert bank.distinct == 768 + int(96 * FAILURE_SHARE)
    pool = {json.dumps(bank.pool.row(i)) for i in range(len(bank.pool))}
    assert all(json.dumps(bank.observations.row(i)) in pool for i in np.flatnonzero(bank.phase >= 0))
    assert build_bank(task, 5, 96).distinct == 768


def test_failures_are_last_positions_of_lost_games_in_which_a_move_matters(task, lost):
    assert len(lost.observations) == len(lost.regret) <= 64
    assert lost.regret.any(axis=1).all()
    trace = play_traced(task, Greedy(), np.arange(24, dtype=np.uint64), depth=2, most=7)
    assert len(trace.failures) == 7
    assert np.isin(trace.failures.columns["board"], lost.observations.columns["board"]).all()


@given(
    st.dictionaries(
        st.sampled_from(["board", "snake", "food", "idle"]), st.sampled_from(["u1", "i2", "i4", "i8", "f4", "?"]), min_size=1
    ),
    st.integers(0, 5),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_failures_come_back_from_their_text_as_they_were(columns, rows, data):
    finite = {"allow_nan": False, "allow_infinity": False}

    def array(dtype, shape):
        elements = finite if np.dtype(dtype).kind == "f" else None
        return data.draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(np.dtype(dtype), **(elements or {}))))

    seen = Observations(
        {"size": 6},
        {key: array(dtype, data.draw(st.sampled_from([(rows,), (rows, 4)]))) for key, dtype in columns.items()},
        {key: array("i4", (rows,)) for key in list(columns)[:1]},
    )
    regret = array("f4", (rows, 4))
    text = failures_text(seen, regret)
    back = read_failures(text)
    assert equal(back.observations, seen)
    assert np.array_equal(back.regret, regret)
    assert failures_text(back.observations, back.regret) == text


@given(hnp.arrays(np.int8, st.integers(0, 60), elements=st.integers(0, 8)), st.integers(0, 70), st.integers(0, 9))
def test_a_draw_is_even_over_the_strata(stratum, count, seed):
    rows = draw(stratum, count, np.random.default_rng(seed))
    assert len(rows) == min(count, len(stratum))
    assert len(set(rows.tolist())) == len(rows)
    there, drawn = np.bincount(stratum, minlength=9), np.bincount(stratum[rows], minlength=9)
    open_ = drawn < there
    assert not open_.any() or drawn.max() - drawn[open_].min() <= 1


def test_the_hopeless_are_rejected_and_nothing_else(bank):
    good = best(bank)
    worst = Answers(bank.regret.argmax(axis=1).astype(np.int8), np.ones(STARTS, bool))
    assert score_bank(bank, good, good).changed == 0
    assert "in all pursuits" in (score_bank(bank, worst, good).objection or "")
    few = replace(worst, lost=lost_of(STARTS - 1))
    assert "loses at" in (score_bank(bank, few, good).objection or "")
    for other in (replace(worst, lost=good.lost), replace(good, lost=lost_of(STARTS - 1))):
        assert score_bank(bank, other, good).objection is None
    assert score_bank(bank, worst, None).objection is None
    assert score_bank(bank, good, worst).objection is None


def test_who_errs_only_at_failures_is_told_from_the_incumbent(bank):
    good = best(bank)
    moves = good.moves.copy()
    moves[bank.phase < 0] = bank.regret[bank.phase < 0].argmax(axis=1)
    score = score_bank(bank, replace(good, moves=moves), good)
    assert score.changed > 0
    assert score.candidate.regret > score.incumbent.regret == 0
    assert score.candidate.merit < score.incumbent.merit
    assert score.objection is None


def test_each_kind_of_error_costs_merit_the_worse_the_more(bank):
    good, merits = best(bank), []
    for low, high in ((0.0, 0.0), (0.01, 0.2), (0.5, 0.9), (1.0, 1.0)):
        regret = np.where((bank.regret >= low) & (bank.regret <= high), bank.regret, -1.0)
        moves = np.where(regret.max(axis=1) >= 0, regret.argmax(axis=1), good.moves).astype(np.int8)
        merits.append(score_bank(bank, Answers(moves, good.lost), good).candidate.merit)
    assert merits[0] > merits[1] > merits[2]
    assert merits[1] > merits[3]
    stalls = [score_bank(bank, replace(good, lost=lost_of(n)), good).candidate.merit for n in range(STARTS + 1)]
    assert stalls == sorted(stalls, reverse=True)


def test_a_score_is_plain_numbers_that_add_up(bank):
    given = alone(bank, Greedy())
    score = score_bank(bank, given, best(bank))
    assert TypeAdapter(BankScore).validate_python(json.loads(json.dumps(asdict(score)))) == score
    mine = score.candidate
    assert mine.dies + mine.trapped + mine.detour + mine.optimal == pytest.approx(1)
    assert mine.fatal == pytest.approx((bank.regret[np.arange(96), given.moves] >= 0.5).mean())


def test_who_circles_for_ever_is_found_out_and_who_goes_a_long_way_is_not(bank):
    circler, short, long = (alone(bank, Taught(t), s) for t, s in (("greedy", Circler()), ("greedy", None), ("cycle", None)))
    assert circler.lost.mean() > 0.7
    assert not short.lost.any()
    assert not long.lost.any()
    assert score_bank(bank, circler, short).candidate.merit < 0.1 < score_bank(bank, long, short).candidate.merit


class Rare:
    """A session that plays the highest logit, but for positions of one length of the snake."""

    def __init__(self, length: int) -> None:
        self.length = length

    def act(self, observations: Observations, logits: np.ndarray) -> np.ndarray:
        odd = observations.lengths["snake"] == self.length
        return np.where(odd, logits.argmin(axis=1), logits.argmax(axis=1)).astype(np.int8)

    def close(self) -> None:
        """Nothing to close."""


class RarePlayers:
    """Opens such players: the controller's hash is the length."""

    perceive = None

    def open(self, player: Build) -> Player:
        return Player(Greedy(), Rare(int(player.controller)), None, lambda: Rare(int(player.controller)))

    def policy(self, digest: str) -> Greedy:
        return Greedy()


def test_a_change_that_the_bank_does_not_show_is_looked_for_in_the_pool(task):
    bank = build_bank(task, 5, 16)
    screen = Examination(SimpleNamespace(players=RarePlayers()), bank)
    lengths, seen = bank.pool.lengths["snake"], bank.observations.lengths["snake"]
    rare = next(int(n) for n in np.unique(lengths) if n not in seen and n > 12)
    never, same, other = (Build("p", "r", str(n)) for n in (998, 999, rare))
    found = [screen.answers(player) for player in (never, same, other)]
    assert score_bank(bank, found[1], found[0]).changed == score_bank(bank, found[2], found[0]).changed == 0
    assert screen.same_on_pool(same, never)
    assert not screen.same_on_pool(other, never)


def test_a_candidate_that_moves_like_an_earlier_one_of_its_kind_is_its_twin(task):
    bank = build_bank(task, 5, 16)
    screen = Examination(SimpleNamespace(players=RarePlayers()), bank)
    lengths, seen = bank.pool.lengths["snake"], bank.observations.lengths["snake"]
    rare = next(int(n) for n in np.unique(lengths) if n not in seen and n > 12)

    def entry(id: str, length: int, **parts: str) -> First:
        player = Build("p", "r", str(length))
        return First(Candidate(id, "role", "", **parts), player, screen.answers(player))

    firsts: list[First] = []
    assert screen.twin(entry("a", 998, patch=""), firsts) is None
    assert screen.twin(entry("b", 999, patch=""), firsts) == "a"
    assert screen.twin(entry("c", rare, patch=""), firsts) is None  # it differs in the pool alone
    assert screen.twin(entry("d", 997, reward=""), firsts) is None  # of another kind
    assert [first.candidate.id for first in firsts] == ["a", "c", "d"]

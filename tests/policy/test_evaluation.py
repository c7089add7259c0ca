"""Evaluations say the same whatever plays beside a game; sampling follows the policy; policies are found by name."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.policy import shipped
from ouroloop.policy.choice import Sampling, entropy_of, odds_of
from ouroloop.policy.evaluation import evaluate
from ouroloop.policy.evaluation.batches import COUNTED_EVERY
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.shipped import find_policy, shipped_policies
from ouroloop.protocols.errors import CandidateFault, TrainingError, UsageError

KEYS = ("score", "steps", "cause", "utility")


class Careful:
    """Rates moves that are no death higher, and the first among them highest."""

    def __init__(self, weight=1.0):
        self.weight = weight

    def logits(self, observations):
        from ouroloop.envs.snake.encodings.board import free_moves

        return self.weight * free_moves(observations).astype(np.float32) - np.arange(4, dtype=np.float32) / 10


class Fixed:
    """The same logits everywhere."""

    def __init__(self, logits):
        self.row = np.array(logits, np.float32)

    def logits(self, observations):
        return np.tile(self.row, (len(observations), 1))


class Prompter(Fixed):
    """Reads prompts of as many tokens as the snake is long."""

    def __init__(self):
        super().__init__([0, 1, 2, 3])
        self.policy, self.written = self, []

    def encode(self, observations):
        lengths = observations.lengths["snake"].astype(int)
        self.written.append(lengths)
        mask = np.arange(lengths.max()) >= lengths.max() - lengths[:, None]
        return mask.astype(np.int32), mask


class Session:
    """A scripted controller: the highest logit, or the move that it is told; it fails when asked the n-th time."""

    def __init__(self, log, fails_at=None):
        self.log, self.fails_at, self.asked = log, fails_at, 0
        log.append("open")

    def act(self, observations, logits):
        self.asked += 1
        if self.asked == self.fails_at:
            raise CandidateFault("sandbox", "act raised ValueError")
        return logits.argmax(axis=1).astype(np.int8)

    def close(self):
        self.log.append("closed")


def same(first, second):
    return all(np.array_equal(getattr(first.outcomes, key), getattr(second.outcomes, key)) for key in KEYS)


@pytest.mark.parametrize("sampled", [False, True])
def test_neither_batch_nor_threads_nor_neighbours_matter(task, seeds, sampled):
    def found(keys, batch, threads):
        return evaluate(task, Careful(), keys, sampled=sampled, seed=5, batch=batch, threads=threads)

    whole = found(seeds, 64, 1)
    for batch, threads in ((5, 1), (5, 3), (24, 2)):
        other = found(seeds, batch, threads)
        assert same(whole, other)
        assert whole.score == other.score
        assert whole.action_diversity == pytest.approx(other.action_diversity)
        assert whole.policy_entropy == pytest.approx(other.policy_entropy)
    backwards = found(seeds[::-1], 7, 2)
    assert np.array_equal(whole.outcomes.score, backwards.outcomes.score[::-1])


def test_snake_gpt_scores_the_same_on_any_number_of_threads(task, untrained, seeds):
    first, second = (evaluate(task, LocalPolicy(untrained), seeds, batch=10, threads=n, sampled=True) for n in (1, 3))
    assert same(first, second)
    assert first.policy_entropy == second.policy_entropy
    assert 6 < first.tokens_per_decision < 20
    assert first.to_document()["tokens_per_s"] == pytest.approx(first.tokens_per_decision * first.decisions_per_s)


def test_another_seed_draws_other_moves_and_a_cold_policy_is_greedy(task, seeds):
    first, second = (evaluate(task, Careful(), seeds, sampled=True, seed=seed) for seed in (1, 2))
    assert not np.array_equal(first.outcomes.steps, second.outcomes.steps)
    cold = evaluate(task, Careful(), seeds, sampled=True, temperature=1e-3)
    assert same(cold, evaluate(task, Careful(), seeds))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_sampled_moves_follow_the_distribution(temperature):
    logits = np.tile(np.array([0.0, 1.0, -1.0, 2.0], np.float32), (20_000, 1))
    keys = np.arange(20_000, dtype=np.uint64)
    moves = np.concatenate([Sampling(3, temperature).noisy(logits, keys, step).argmax(axis=1) for step in (0, 1)])
    found, wanted = np.bincount(moves, minlength=4) / len(moves), odds_of(logits[:1], temperature)[0]
    assert np.abs(found - wanted).max() < 4 * math.sqrt(0.25 / len(moves))
    first, second = np.split(moves, 2)
    assert (first == second).mean() == pytest.approx((wanted**2).sum(), abs=0.02), "steps of a game are not independent"


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8, unique=True), st.integers(0, 10_000), st.data())
def test_noise_is_a_games_own(keys, step, data):
    rows = data.draw(st.lists(st.integers(0, len(keys) - 1), min_size=1))
    every, zeros = np.array(keys, np.uint64), np.zeros((len(keys), 4), np.float32)
    noise = Sampling(9).noisy(zeros, every, step)
    assert np.array_equal(Sampling(9).noisy(zeros[rows], every[rows], step), noise[rows])
    assert np.isfinite(noise).all()


def test_entropies_are_what_they_should_be(task, seeds):
    found = evaluate(task, Fixed([0, 0, 0, 0]), seeds, sampled=True)
    assert found.policy_entropy == pytest.approx(math.log(4))
    assert 0.3 < found.action_diversity < math.log(4)
    straight = evaluate(task, Fixed([5, 0, 0, 0]), seeds)
    assert straight.action_diversity == 0
    assert straight.policy_entropy == pytest.approx(float(entropy_of(odds_of(np.array([[5, 0, 0, 0]], np.float32)))[0]))
    warm = evaluate(task, Fixed([5, 0, 0, 0]), seeds, sampled=True, temperature=100)
    assert warm.policy_entropy > 1.3 > straight.policy_entropy


def test_the_document_has_what_the_design_promises(task, seeds):
    found = evaluate(task, Careful(), seeds)
    document = found.to_document()
    assert document["games"] == len(seeds)
    assert set(document["score"]) == {"mean", "low", "high"}
    assert document["score"]["low"] <= document["score"]["mean"] == found.outcomes.score.mean() <= document["score"]["high"]
    assert document["steps_mean"] == found.outcomes.steps.mean()
    assert document["win_rate"] == found.outcomes.won.mean()
    assert document["path_optimality"] == found.outcomes.path_optimality.mean()
    assert document["decisions_per_s"] == pytest.approx(found.outcomes.steps.sum() / found.seconds)
    assert sum(document["causes"].values()) == pytest.approx(1)
    assert document["causes"]["starved"] == (found.outcomes.cause == task.causes.index("starved")).mean()
    assert (document["choice"], document["tokens_per_s"]) == ("greedy", None)


def test_tokens_are_those_of_every_eighth_prompt(task, seeds):
    policy = Prompter()
    found = evaluate(task, policy, seeds, sampled=True, batch=len(seeds))
    assert len(policy.written) == math.ceil(int(found.outcomes.steps.max()) / COUNTED_EVERY)
    assert found.tokens_per_decision == np.concatenate(policy.written).mean()


def test_every_batch_has_a_controller_of_its_own(task, seeds):
    log = []
    found = evaluate(task, Careful(), seeds, open_session=lambda: Session(log), batch=8, threads=2)
    assert sorted(log) == ["closed"] * 3 + ["open"] * 3
    assert same(found, evaluate(task, Careful(), seeds))


def test_a_controller_that_plays_the_highest_logit_samples_where_it_is_sampled(task, seeds):
    heard = evaluate(task, Careful(), seeds, sampled=True, seed=4, open_session=lambda: Session([]))
    assert same(heard, evaluate(task, Careful(), seeds, sampled=True, seed=4))


def test_a_failing_controller_ends_all_batches(task, seeds):
    log, policy = [], Careful()
    lengthy = evaluate(task, policy, seeds).decisions
    asked, lock = [], threading.Lock()

    class Counting(Careful):
        def logits(self, observations):
            with lock:
                asked.append(len(observations))
            return super().logits(observations)

    with pytest.raises(CandidateFault, match="ValueError"):
        evaluate(task, Counting(), seeds, open_session=lambda: Session(log, fails_at=3), batch=6, threads=2)
    assert log.count("open") == log.count("closed") <= 2
    assert sum(asked) < lengthy


@pytest.mark.parametrize("teacher", ["astar", "random"])
def test_a_teacher_plays_the_same_compiled_and_through_a_controller(task, seeds, teacher):
    compiled = evaluate(task, teacher, seeds)
    assert np.array_equal(compiled.outcomes.score, task.rollout(teacher, seeds).score)
    assert (compiled.action_diversity, compiled.policy_entropy, compiled.choice) == (None, None, "taught")
    heard = evaluate(task, teacher, seeds, open_session=lambda: Session([]), batch=9)
    assert same(compiled, heard)
    assert heard.policy_entropy is None
    assert heard.action_diversity > 0


def test_games_are_told_of_as_they_end(task, seeds):
    told = []
    evaluate(task, Careful(), seeds, batch=10, threads=2, on_batch=lambda done, all_: told.append((done, all_)))
    counts = [done for done, _ in told]
    assert counts == sorted(set(counts))
    assert told[-1] == (24, 24)
    assert len(told) > 3


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_temperature_is_refused(task, seeds, temperature):
    with pytest.raises(UsageError, match="temperature"):
        evaluate(task, Careful(), seeds, sampled=True, temperature=temperature)


def test_logits_that_are_no_numbers_are_an_error(task, seeds):
    with pytest.raises(TrainingError, match="not finite"):
        evaluate(task, Fixed([0, math.nan, 0, 0]), seeds)


def test_an_unknown_teacher_is_refused(task, seeds):
    with pytest.raises(UsageError, match="choose one of"):
        evaluate(task, "nobody", seeds)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A shelf with two policies."""
    for name in ("snake-gpt-10x10", "snake-gpt-6x6"):
        (tmp_path / "shelf" / name).mkdir(parents=True)
        (tmp_path / "shelf" / name / "config.json").write_text("{}")
    (tmp_path / "shelf" / "notes").mkdir()
    monkeypatch.setattr(shipped, "shelf", lambda: tmp_path / "shelf")
    return tmp_path / "shelf"


def test_a_policy_is_found_by_name_or_directory(shelf, untrained):
    assert shipped_policies() == ("snake-gpt-10x10", "snake-gpt-6x6")
    assert find_policy("snake-gpt-6x6") == shelf / "snake-gpt-6x6"
    assert find_policy(str(untrained)) == untrained


def test_an_unknown_policy_names_the_nearest_and_lists_all(shelf):
    with pytest.raises(UsageError, match=r"did you mean snake-gpt-6x6\? .* snake-gpt-10x10, snake-gpt-6x6"):
        find_policy("snakegpt-6x6")
    with pytest.raises(UsageError, match="no directory and no shipped policy; the shipped"):
        find_policy("/nowhere/at/all")


def test_what_ships_lies_in_the_package():
    assert all((find_policy(name) / "model.safetensors").is_file() for name in shipped_policies())
    assert shipped.shelf().parent.name == "policy"

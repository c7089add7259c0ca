"""Games from start to end are a function of seeds, policy, controller and batch."""

import re

import numpy as np

from ouroloop.policy.play import play, play_traced
from ouroloop.policy.serving.local import LocalPolicy


class Teacher:
    """A policy that sees nothing but `free` cells: it prefers up, down, left, right among moves that are no death."""

    def __init__(self):
        self.asked = []

    def logits(self, observations):
        from ouroloop.envs.snake.encodings.port import states

        self.asked.append(len(observations))
        seen = states(observations)
        return np.array([state.free for state in seen], np.float32) - np.arange(4, dtype=np.float32) / 10


class Backwards:
    """A scripted controller: the lowest logit."""

    def __init__(self):
        self.closed = False

    def act(self, observations, logits):
        assert len(observations) == len(logits)
        return logits.argmin(axis=1).astype(np.int8)

    def close(self):
        self.closed = True


def same(first, second):
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ("score", "steps", "cause", "utility"))


def test_same_twice(task, untrained, seeds):
    first, second = (play(task, LocalPolicy(untrained), seeds, batch=10) for _ in range(2))
    assert same(first, second)
    assert (first.cause >= 0).all()


def test_order_and_batch_of_a_scripted_policy_do_not_matter(task, seeds):
    whole = play(task, Teacher(), seeds, batch=7)
    assert same(whole, play(task, Teacher(), seeds, batch=64))
    backwards = play(task, Teacher(), seeds[::-1], batch=7)
    assert np.array_equal(whole.score, backwards.score[::-1])
    assert len(play(task, Teacher(), seeds[:0]).score) == 0


def test_only_unfinished_games_are_asked_for(task, seeds):
    policy = Teacher()
    outcomes = play(task, policy, seeds)
    assert sum(policy.asked) == outcomes.steps.sum()


def test_controller_decides(task, seeds):
    assert play(task, Teacher(), seeds, session=Backwards()).steps.mean() < play(task, Teacher(), seeds).steps.mean() / 2


def test_perception_stands_before_policy_and_controller(task, seeds):
    seen = []

    def blind(observations):
        seen.append(len(observations))
        columns = dict(observations.columns) | {"board": np.zeros_like(observations.columns["board"])}
        return type(observations)(observations.constants, columns, observations.lengths)

    outcomes = play(task, Teacher(), seeds, perceive=blind)
    assert sum(seen) == outcomes.steps.sum()
    assert outcomes.steps.mean() < play(task, Teacher(), seeds).steps.mean()


def test_progress_is_told(task, seeds):
    told = []
    play(task, Teacher(), seeds, batch=10, on_batch=lambda done, total: told.append((done, total)))
    assert told == [(10, 24), (20, 24), (24, 24)]


def test_trace(task, seeds):
    trace = play_traced(task, Teacher(), seeds, batch=10, failures=2, moves=3)
    assert same(trace.outcomes, play(task, Teacher(), seeds, batch=10))
    assert trace.decisions == trace.outcomes.steps.sum()
    assert set(trace.regret) <= {"early", "middle", "late"}
    assert 0 < trace.regret["early"] < 1
    assert 0 <= trace.avoidable <= 1
    assert trace.policy_influence == 1
    assert len(trace.transcripts) == 2
    assert trace.transcripts[0].count("-> ") == 3
    assert trace.transcripts[0].rsplit("ended: ")[-1] in task.causes
    assert [(rows.shape, rows.dtype) for rows in trace.shown_regret] == [((3, 4), np.float32)] * 2
    for text, rows in zip(trace.transcripts, trace.shown_regret, strict=True):
        moves = [task.actions.index(name) for name in re.findall(r"-> (\w+)", text)]
        for row, move, made in zip(rows, moves, re.findall(r"-> \w+(?: \(regret (\d\.\d\d))?", text), strict=True):
            assert f"{row[move]:.2f}" == (made or "0.00")
    told = re.findall(r"-> (\w+) \(regret (\d\.\d\d); the oracle: ([\w ]+)\)", "\n".join(trace.transcripts))
    assert told
    for made, regret, best in told:
        assert made not in best.split(" or ")
        assert float(regret) > 0
        assert set(best.split(" or ")) <= set(task.actions)


def test_trace_of_a_perfect_player(task, seeds):
    class Oracle:
        """Plays what the oracle regrets least, from the game itself."""

        def logits(self, observations):
            return np.zeros((len(observations), 4), np.float32)

    class Session:
        """Knows the one game's positions by heart."""

        def __init__(self):
            self.moves = {}

        def act(self, observations, logits):
            return self.moves[observations.columns["board"].tobytes(), int(observations.columns["idle"][0])]

        def close(self):
            pass

    engine, session = task.engine(seeds[:1]), Session()
    while not engine.done.all():
        seen, best = engine.observations(), task.regret(engine).argmin(axis=1).astype(np.int8)
        session.moves[seen.columns["board"].tobytes(), int(seen.columns["idle"][0])] = best
        engine.step(best)
    trace = play_traced(task, Oracle(), seeds[:1], session=session)
    assert max(trace.regret.values()) == 0
    assert trace.policy_influence == 0
    assert trace.avoidable == 0

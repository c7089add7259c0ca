"""The conformance suite of `Task`: the rules that every game keeps. A game's author calls it from a test.

Call `conform(task)`, or each of `CHECKS`. A check that fails raises AssertionError, whose message names the broken rule. The
module is long because it is one list of rules, read from top to bottom; no rule needs another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.envs.capabilities import phases_of
from ouroloop.protocols.encoding import PAD, Located, action_tokens, first_words
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Moment, Observations, Outcomes, ToolkitFunction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Sight, Task

GAMES: Final = 12
STEPS: Final = 40
"""Each game is followed for this many random moves, or until it ends."""
NUMBERS: Final = tuple(map(np.dtype, ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "?", "f4", "f8")))
"""The types that a column may have: those that can travel to a controller."""
CARD_KEYS: Final = frozenset(
    ("format", "task", "encoding", "hint", "weights", "base", "revision", "fingerprint", "quantisation", "adapter", "actions")
)
"""What a policy's card holds besides the game's settings."""
LONGEST: Final = 100_000
"""A game in which only the first action is played must end within this many moves."""


def conform(task: Task) -> None:
    """Run every check."""
    for check in CHECKS:
        check(task)


def declares_itself(task: Task) -> None:
    """Names exist and are unique, every ending is one of the causes, and every doc says something."""
    assert task.name, "name is not empty"
    assert len(task.actions) >= 2, f"a game has two actions or more, found {task.actions}"
    for what, names in (("actions", task.actions), ("causes", task.causes)):
        assert len(set(names)) == len(names), f"{what} are unique, found {names}"
    assert task.causes, "a game can end: causes is not empty"
    assert set(task.endings) <= set(task.causes), f"endings are of causes, found {set(task.endings) - set(task.causes)}"
    assert task.features, "features is not empty: a reward needs something to measure"
    assert all(task.features.values()), "every feature says what it measures"
    assert task.best_score is None or task.best_score > 0, f"best_score is above 0, or None; found {task.best_score}"
    bound = task.score_bound
    assert bound is None or bound >= (task.best_score or 1), f"score_bound is at least best_score, or None; found {bound}"
    assert task.best_score is None or bound is not None, "where best_score is known, it is a score_bound as well"


def plays_the_same_again(task: Task) -> None:
    """The same seed and moves give the same game, whatever other games are in the batch."""
    moves = _moves(task)
    one, two, few = _engine(task), _engine(task), task.engine(_seeds()[3:5])
    for step in range(STEPS):
        _equal(one.observations(), two.observations(), f"observations differ between two games of one seed at move {step}")
        alone = one.observations(np.array([3, 4]))
        _equal(alone, few.observations(), f"a game's course depends on the games beside it, seen at move {step}")
        for engine in (one, two):
            engine.step(moves[step])
        few.step(moves[step, 3:5])
    _same_outcomes(one.outcomes(), two.outcomes(), "outcomes differ between two games of one seed")


def depends_on_the_seed(task: Task) -> None:
    """Different seeds give different games, at the latest after some moves."""
    engine, moves = task.engine(np.arange(64, dtype=np.uint64)), np.zeros(64, np.int8)
    for _ in range(STEPS):
        first = engine.observations()
        if any(len(np.unique(column, axis=0)) > 1 for column in first.columns.values()):
            return
        engine.step(moves)
    raise AssertionError("64 seeds gave one and the same game")


def clones_stand_apart(task: Task) -> None:
    """A clone goes on as the original would and leaves the original untouched; rows may repeat, and there may be none."""
    moves, engine = _moves(task), _engine(task)
    for step in range(3):
        engine.step(moves[step])
    before = engine.observations()
    rows = np.array([5, 0, 5])
    copy = engine.clone(rows)
    _equal(copy.observations(), before.take(rows), "clone gives the rows asked for, in order, with repetition")
    for step in range(3, 10):
        copy.step(moves[step][rows])
    _equal(engine.observations(), before, "stepping a clone moved the original")
    for step in range(3, 10):
        engine.step(moves[step])
    _equal(engine.observations(rows), copy.observations(), "a clone has a different future from its original")
    nothing = engine.clone(np.zeros(0, np.int64))
    assert nothing.games == 0, "a clone of no rows has no games"
    assert len(nothing.observations()) == 0, "a batch of no games has no observations"


def freezes_what_is_over(task: Task) -> None:
    """Every game ends, and a finished game no longer changes."""
    engine, moves = _engine(task), np.zeros(GAMES, np.int8)
    for _ in range(LONGEST):
        if engine.done.all():
            break
        engine.step(moves)
    assert engine.done.all(), f"a game of the first action alone still runs after {LONGEST} moves: it has to end"
    seen, ended = engine.observations(), engine.outcomes()
    engine.step(moves)
    assert not engine.step_features(moves).any(), "step_features is zero for finished games"
    _equal(engine.observations(), seen, "a finished game's observation changed with a step")
    _same_outcomes(engine.outcomes(), ended, "a finished game's outcome changed with a step")
    assert ((ended.cause >= 0) & (ended.cause < len(task.causes))).all(), "a finished game's cause is one of the causes"


def shows_what_it_says(task: Task) -> None:
    """Observations are columns of numbers; one row of them is plain numbers and lists; all of them are copies."""
    engine = _engine(task)
    seen = engine.observations()
    assert len(seen) == engine.games == GAMES, f"one observation a game, found {len(seen)} of {GAMES}"
    for key, column in seen.columns.items():
        assert column.ndim in (1, 2), f"column {key} is (B,) or (B, W), found {column.shape}"
        assert column.dtype in NUMBERS, f"column {key} is of type {column.dtype}, expected integers, bool, float32 or float64"
        assert np.isfinite(column).all(), f"column {key} is finite"
    row = seen.row(0)
    assert list(row) == [*seen.constants, *seen.columns], f"a row has all keys in order, found {list(row)}"
    order = np.array([2, 0])
    _equal(engine.observations(order), seen.take(order), "observations(rows) are those rows, in that order")
    kept = {key: column.copy() for key, column in seen.columns.items()}
    engine.step(_moves(task)[0])
    assert all(np.array_equal(column, kept[key]) for key, column in seen.columns.items()), "observations are copies"


def rates_its_transitions(task: Task) -> None:
    """`step_features` advances as `step` does; features and the game's own reward are finite and of the declared shape."""
    by_step, by_features, moves = _engine(task), _engine(task), _moves(task)
    for step in range(STEPS):
        running = ~by_step.done
        by_step.step(moves[step])
        features = by_features.step_features(moves[step])
        _equal(by_features.observations(), by_step.observations(), "step_features advances otherwise than step")
        expected = (GAMES, len(task.features))
        assert features.shape == expected, f"step_features gives {expected}, found {features.shape}"
        assert features.dtype == np.float32, f"features are float32, found {features.dtype}"
        assert np.isfinite(features).all(), "features are finite"
        assert not features[~running].any(), "features are zero for finished games"
        reward = task.reward(features)
        assert reward.shape == (GAMES,), f"reward gives (B,), found {reward.shape}"
        assert np.isfinite(reward).all(), "reward is finite"
        stacked = task.reward(np.stack([features, features]))
        assert np.array_equal(stacked, np.stack([reward, reward])), "reward takes any leading shape, and is a pure function"


def scores_in_range(task: Task) -> None:
    """Outcomes have a value for every game, shares are in [0, 1], and a running game has no cause."""
    engine, moves = _engine(task), _moves(task)
    for step in range(STEPS):
        found = engine.outcomes()
        for column in fields(Outcomes):
            assert getattr(found, column.name).shape == (GAMES,), f"outcomes.{column.name} is (B,)"
        for name in ("utility", "path_optimality"):
            values = getattr(found, name)
            assert ((values >= 0) & (values <= 1)).all(), f"outcomes.{name} is in [0, 1], found {values.min()}..{values.max()}"
        assert (found.cause[~engine.done] == -1).all(), "the cause of a running game is -1"
        assert task.best_score is None or (found.score <= task.best_score).all(), f"a score is above {task.best_score}"
        assert task.score_bound is None or (found.score <= task.score_bound).all(), f"a score is above {task.score_bound}"
        engine.step(moves[step])


def comes_along(task: Task) -> None:
    """Progress is in [0, 1]; positions are unfinished, the same for the same seed, and spread over more than one phase."""
    engine, moves = _engine(task), _moves(task)
    for step in range(STEPS):
        _check_progress(task, engine)
        engine.step(moves[step])
    bank, again = task.positions(1, 96), task.positions(1, 96)
    assert bank.games == 96, f"as many positions as asked for, found {bank.games}"
    assert not bank.done.any(), "positions are unfinished games"
    _equal(bank.observations(), again.observations(), "the same seed gives other positions")
    _check_progress(task, bank)
    assert len(np.unique(phases_of(task, bank))) > 1, "positions are spread over the phases, found one alone"


def rates_moves_where_it_can(task: Task) -> None:
    """An oracle's regret is (B, A) in [0, 1] with a best move in each row; asking it does not move the games."""
    if task.oracle is None:
        return
    engine = task.positions(2, 32)
    before = engine.observations()
    regret = task.oracle.regret(engine)
    assert regret.shape == (32, len(task.actions)), f"regret is (B, A), found {regret.shape}"
    assert ((regret >= 0) & (regret <= 1)).all(), "regret is in [0, 1]"
    _equal(engine.observations(), before, "asking the oracle moved the games")


def runs_its_sources(task: Task) -> None:
    """The toolkit loads and holds what it declares; the start controller plays the highest logit, on any observation."""
    toolkit = _loaded(task.toolkit_source, "toolkit_source")
    for tool in task.toolkit:
        assert isinstance(tool, ToolkitFunction), f"toolkit holds ToolkitFunction, found {type(tool).__name__}"
        assert callable(toolkit.get(tool.name)), f"toolkit_source defines no {tool.name}"
    act = _loaded(task.start_controller, "start_controller").get("act")
    assert callable(act), "start_controller defines act"
    seen = task.positions(3, GAMES).observations()
    logits = np.random.default_rng(3).normal(size=(GAMES, len(task.actions)))
    for index in range(GAMES):
        action = act(seen.row(index), logits[index].tolist())
        assert action == int(logits[index].argmax()), f"start_controller plays the highest logit, found {action!r}"


def writes_itself(task: Task) -> None:
    """Every encoding writes any position within its bounds, with the same tokens as text and as ids; it refuses others."""
    seen, first = task.positions(4, GAMES).observations(), first_words(len(task.actions))
    assert task.encodings, "encodings is not empty: a language model needs something to read"
    for name in task.encodings:
        encoding = task.encoding(name)
        words = encoding.vocabulary
        assert encoding.name == name, f"encoding({name!r}) has that name, found {encoding.name!r}"
        assert encoding.actions == action_tokens(len(task.actions)), f"{name}: a token for each action in order"
        assert words[: len(first)] == first, f"{name}: the vocabulary begins with {first}, found {words[: len(first)]}"
        assert len(set(words)) == len(words), f"{name}: no token comes twice in the vocabulary"
        assert not CARD_KEYS & set(encoding.settings), f"{name}: settings have other names than {sorted(CARD_KEYS)}"
        ids, mask = encoding.encode_batch(seen)
        assert ids.shape == mask.shape, f"{name}: ids and mask have one shape, found {ids.shape} and {mask.shape}"
        assert len(ids) == GAMES, f"{name}: a prompt for each observation, found {len(ids)}"
        assert ids.shape[1] <= encoding.longest, f"{name}: a prompt of {ids.shape[1]} tokens, longest is {encoding.longest}"
        assert ((ids >= 0) & (ids < len(words))).all(), f"{name}: ids are of the vocabulary"
        assert mask[:, -1].all(), f"{name}: prompts are padded on the left alone"
        assert (np.diff(mask.astype(int), axis=1) >= 0).all(), f"{name}: prompts are padded on the left alone"
        assert (ids[~mask] == PAD).all(), f"{name}: padding is the token {PAD}"
        joined, texts = ["".join(words[token] for token in row[kept]) for row, kept in zip(ids, mask, strict=True)], []
        for text in joined:
            for bare, written in encoding.joints:
                text = text.replace(bare, written)
            texts.append(text)
        assert encoding.texts(seen) == texts, f"{name}: text and ids say the same"
        assert set("".join(encoding.hinted(seen))) <= set(encoding.signs), f"{name}: prompts are made of signs alone"
        if isinstance(encoding, Located):
            cells = encoding.cells_of(seen)
            assert cells.shape[:2] == ids.shape, f"{name}: cells_of gives (B, L, K) for ids {ids.shape}, found {cells.shape}"
            assert ((cells >= -1) & (cells < encoding.cells)).all(), f"{name}: cells_of gives cells of the position, or -1"
            assert (cells[~mask] == -1).all(), f"{name}: padding speaks of no cell"
        alone = encoding.encode_batch(seen.take([3]))
        assert np.array_equal(alone[0][alone[1]], ids[3][mask[3]]), f"{name}: a prompt depends on the positions beside it"
    try:
        task.encoding("no such encoding")
    except UsageError:
        return
    raise AssertionError("encoding raises UsageError for a name that is not one of its encodings")


def draws_itself(task: Task) -> None:
    """A picture is RGB; a text is not empty."""
    seen = _engine(task).observations()
    pixels = task.render(seen.take([0, 1]))
    assert pixels.dtype == np.uint8, f"render gives uint8, found {pixels.dtype}"
    assert pixels.ndim == 4, f"render gives (B, H, W, 3), found {pixels.shape}"
    assert pixels.shape[::3] == (2, 3), f"render gives (B, H, W, 3), found {pixels.shape}"
    assert task.ansi(seen, 0).strip(), "ansi gives a text"
    if task.drawing is not None:
        moment = Moment(seen.take([0]), 0, 0, 0, None, 0, tuple(np.eye(len(task.actions))[0].tolist()))
        assert all(type(value) is int for value in task.drawing.facts(moment).values()), "facts of a moment are int"
        assert task.drawing.gif([moment, moment], [100, 100]).startswith(b"GIF8"), "gif gives the bytes of a GIF"
        assert task.drawing.png([moment, moment]).startswith(b"\x89PNG"), "png gives the bytes of a PNG"
        for cause in task.causes:
            assert task.drawing.ending(cause).strip(), f"the ending {cause} has words"


def reads_its_pictures_where_it_can(task: Task) -> None:
    """Every cell has one of the known classes, and the classes of all cells together give the position back."""
    if task.sight is None:
        return
    seen = task.positions(0, GAMES).observations()
    cells = task.sight.label(seen)
    assert cells.shape == (GAMES, task.sight.side**2), f"label gives (B, side * side), found {cells.shape}"
    assert cells.max() < task.sight.classes, f"classes are below {task.sight.classes}, found {cells.max()}"
    reading = task.sight.decode(np.eye(task.sight.classes, dtype=np.float32)[cells])
    assert reading.exact(seen).all(), "a position is read from its cells as it is"
    assert not reading.repaired.any(), "the cells of a position do not contradict each other"
    _equal(reading.into(seen), seen, "what was read exactly changes no observation")
    draws_from_sheets(task, task.sight, seen)
    nudges(task.sight, seen)


def draws_from_sheets(task: Task, sight: Sight, seen: Observations) -> None:
    """Pictures are composed of sheets; looks and phrases have different names, and a caption tells positions apart."""
    names = (*sight.looks, *sight.held_out)
    assert len(set(names)) == len(names) >= 1, f"looks have different names, found {names}"
    sheets = np.stack([sight.sheet(sight.looks[0], 8), sight.random_sheet(8, np.random.default_rng(0))])
    which = np.zeros(len(seen), np.int64)
    assert np.array_equal(sight.compose(seen, sheets, which), task.render(seen, 8)), "render draws the first of the looks"
    other = sight.compose(seen, sheets, which + 1)
    assert other.shape == (len(seen), 8 * sight.side, 8 * sight.side, 3), f"compose gives whole boards, found {other.shape}"
    assert len(sight.glyphs) == len(set(sight.glyphs)) == sight.classes, "every class has a glyph of its own"
    assert not sight.encoding or sight.encoding in task.encodings, f"{sight.encoding!r} is one of the game's encodings"
    for key in sight.unseen:
        assert seen.columns[key].shape == (len(seen),), f"what no picture shows is one number a position, found {key}"
    focus = sight.focus(seen)
    assert ((focus >= 0) & (focus < sight.side**2)).all(), "focus gives cells of the board"
    for phrase in sight.phrases:
        assert sight.marked(phrase, seen).shape == (len(seen), sight.side**2), f"marked({phrase!r}) gives (B, side * side)"
    told, cells = sight.captions(seen), sight.label(seen)
    alike = [(cells[one] == cells[other]).all() == (told[one] == told[other]) for one in range(3) for other in range(3)]
    assert all(alike), "captions of different positions differ"


def nudges(sight: Sight, seen: Observations) -> None:
    """A nudged position is valid, and shows at most three other cells."""
    near = sight.nudge(seen, np.random.default_rng(0))
    cells = sight.label(near)
    changed = (cells != sight.label(seen)).sum(1)
    assert changed.max() <= 3, f"nudge changes one to three cells, found {changed.max()}"
    assert changed.any(), "nudge changes positions"
    reading = sight.decode(np.eye(sight.classes, dtype=np.float32)[cells])
    assert reading.exact(near).all(), "a nudged position is read from its cells as it is"
    assert not reading.repaired.any(), "the cells of a nudged position do not contradict each other"


CHECKS: Final[tuple[Callable[[Task], None], ...]] = (
    declares_itself,
    plays_the_same_again,
    depends_on_the_seed,
    clones_stand_apart,
    freezes_what_is_over,
    shows_what_it_says,
    rates_its_transitions,
    scores_in_range,
    comes_along,
    rates_moves_where_it_can,
    runs_its_sources,
    writes_itself,
    draws_itself,
    reads_its_pictures_where_it_can,
)


def _seeds() -> NDArray[np.uint64]:
    return np.arange(1, GAMES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _engine(task: Task) -> Engine:
    return task.engine(_seeds())


def _moves(task: Task) -> NDArray[np.int8]:
    """Return random moves: (STEPS, GAMES) int8."""
    return np.random.default_rng(0).integers(0, len(task.actions), (STEPS, GAMES)).astype(np.int8)


def _equal(one: Observations, two: Observations, message: str) -> None:
    assert dict(one.constants) == dict(two.constants), message
    assert list(one.columns) == list(two.columns), message
    for index in range(len(one)):
        assert one.row(index) == two.row(index), message
    assert len(one) == len(two), message


def _same_outcomes(one: Outcomes, two: Outcomes, message: str) -> None:
    for column in fields(Outcomes):
        assert np.array_equal(getattr(one, column.name), getattr(two, column.name)), f"{message}: {column.name}"


def _check_progress(task: Task, engine: Engine) -> None:
    progress = task.progress(engine)
    assert progress.shape == (engine.games,), f"progress is (B,), found {progress.shape}"
    assert progress.dtype == np.float32, f"progress is float32, found {progress.dtype}"
    assert ((progress >= 0) & (progress <= 1)).all(), f"progress is in [0, 1], found {progress.min()}..{progress.max()}"


def _loaded(source: str, what: str) -> Mapping[str, Any]:
    names: dict[str, Any] = {"__name__": what}
    exec(compile(source, what, "exec"), names)  # noqa: S102 - the game's own source
    return names

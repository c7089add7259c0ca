"""Text, ids and states say the same; the tokenizer survives saving."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroboros.policy.encoding import ACTIONS, BODY, EOS, FOOD, PAD, UNK, WALL, Encoding
from ouroboros.policy.tokenizer import build_tokenizer
from ouroboros.protocols.errors import UsageError
from ouroboros.protocols.records import Observations


@st.composite
def batches(draw):
    """Positions of any size up to 12: a self-avoiding snake, food, walls, idle; more varied than games would make them."""
    size = draw(st.integers(4, 12))
    count = draw(st.integers(1, 5))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    walls = draw(st.integers(0, 3))
    return random_batch(size, count, walls, generator)


def random_batch(size, count, walls, generator):
    cells = size * size
    board, snake = np.zeros((count, cells), np.uint8), np.zeros((count, cells), np.int16)
    lengths = generator.integers(3, cells - 4, count).astype(np.int32)
    food = np.zeros(count, np.int16)
    for row in range(count):
        order = generator.permutation(cells)
        length = lengths[row]
        snake[row, :length] = order[:length]
        board[row, order[:length]] = BODY
        board[row, order[0]] = 2
        food[row] = order[length]
        board[row, food[row]] = FOOD
        board[row, order[length + 1 : length + 1 + walls * (row % 2)]] = WALL
    idle = generator.integers(0, cells, count).astype(np.int32)
    return Observations({"size": size}, {"board": board, "snake": snake, "food": food, "idle": idle}, {"snake": lengths})


@settings(max_examples=60, deadline=None)
@given(batches())
def test_tokenizer_equals_arrays(observations):
    encoding = Encoding(observations.constants["size"])
    ids, mask = encoding.encode_batch(observations)
    read = tokenizer_of(encoding.size)(encoding.texts(observations), padding=True, return_tensors="np")
    assert np.array_equal(read["input_ids"], ids)
    assert np.array_equal(read["attention_mask"].astype(bool), mask)
    assert not (ids[mask] <= UNK).any()
    assert (ids[~mask] == PAD).all()


@settings(max_examples=60, deadline=None)
@given(batches())
def test_decode_gives_the_observation_back(observations):
    encoding = Encoding(observations.constants["size"])
    ids, _ = encoding.encode_batch(observations)
    for row, state in enumerate(map(encoding.decode, ids)):
        seen = observations.row(row)
        assert list(state.snake) == seen["snake"]
        assert state.food == seen["food"]
        assert set(state.walls) == {cell for cell, code in enumerate(seen["board"]) if code == WALL}
        assert 0 <= seen["idle"] - state.idle < encoding.size
        assert state == encoding.states(observations)[row]


_TOKENIZERS = {}


def tokenizer_of(size):
    return _TOKENIZERS.setdefault(size, build_tokenizer(Encoding(size)))


def test_free_agrees_with_the_rules(task):
    """`free` is 0 exactly where the move is a death at once."""
    engine = task.positions(3, 200)
    free = np.array([state.free for state in Encoding(6).states(engine.observations())])
    column = list(task.features).index("died")
    for action in range(4):
        features = engine.clone(np.arange(200)).step_features(np.full(200, action, np.int8))
        assert np.array_equal(features[:, column] == 0, free[:, action] == 1)


def test_prompt_text(task):
    observations = task.engine(np.array([1], np.uint64)).observations()
    (text,) = Encoding(6).texts(observations)
    assert text.startswith('### Instruction:\n{"size":6,"body":[[')
    assert text.endswith("}\n\n### Response:\n")
    tokenizer = tokenizer_of(6)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer(text + "2<eos>")["input_ids"][-2:] == [ACTIONS[2], EOS]


def test_refusals():
    with pytest.raises(UsageError, match="size 33"):
        Encoding(33)
    with pytest.raises(UsageError, match="found observations of size 5"):
        Encoding(6).encode_batch(random_batch(5, 1, 0, np.random.default_rng(0)))
    with pytest.raises(UsageError, match="not a prompt"):
        Encoding(6).decode([7, 10])


def test_largest_board_fits_a_million_parameters():
    from ouroboros.policy.snake_gpt import Shape, create

    assert create(32, "snake", Shape(), 0).model.num_parameters() < 1_000_000

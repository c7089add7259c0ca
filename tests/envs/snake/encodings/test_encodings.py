"""Text, ids and states say the same in every encoding; the tokenizer survives saving."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.envs.snake.encodings import ACTIONS, ENCODINGS, EOS, PAD, UNK, encoding_of
from ouroloop.envs.snake.encodings.board import WALL, free_of
from ouroloop.envs.snake.encodings.path import CHUNK, CHUNKS
from ouroloop.envs.snake.encodings.port import states
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.protocols.errors import UsageError
from tests.envs.snake.encodings.boards import batches, random_batch

EVERY = pytest.mark.parametrize("name", ENCODINGS)
_TOKENIZERS = {}


def tokenizer_of(encoding):
    key = encoding.name, encoding.size
    return _TOKENIZERS.setdefault(key, build_tokenizer(encoding))


@EVERY
@settings(max_examples=40, deadline=None)
@given(observations=batches())
def test_tokenizer_equals_arrays(name, observations):
    encoding = encoding_of(name, observations.constants["size"])
    ids, mask = encoding.encode_batch(observations)
    texts = encoding.texts(observations)
    read = tokenizer_of(encoding)(texts, padding=True, return_tensors="np")
    assert np.array_equal(read["input_ids"], ids)
    assert np.array_equal(read["attention_mask"].astype(bool), mask)
    assert not (ids[mask] <= UNK).any()
    assert (ids[~mask] == PAD).all()
    assert mask.sum(axis=1).max() <= encoding.longest
    assert tokenizer_of(encoding).batch_decode(ids, skip_special_tokens=True) == texts


@EVERY
@settings(max_examples=40, deadline=None)
@given(observations=batches(), hungry=st.booleans())
def test_decode_gives_the_observation_back(name, observations, hungry):
    encoding = encoding_of(name, observations.constants["size"])
    ids, _ = encoding.encode_batch(observations)
    for row, state in enumerate(map(encoding.decode, ids)):
        seen = observations.row(row)
        assert list(state.snake) == seen["snake"]
        assert state.food == seen["food"]
        assert set(state.walls) == {cell for cell, code in enumerate(seen["board"]) if code == WALL}
        assert state.idle == min(seen["idle"] // encoding.size, 2 * encoding.size) * encoding.size
        assert state == states(observations)[row]
        assert state == encoding.parse(encoding.text(state))


@EVERY
def test_a_full_board_without_food(name):
    observations = random_batch(6, 4, 0, np.random.default_rng(1), food_everywhere=False)
    encoding = encoding_of(name, 6)
    assert [encoding.decode(ids) for ids in encoding.encode_batch(observations)[0]] == states(observations)
    assert states(observations)[0].food == -1


def test_free_agrees_with_the_rules(task):
    """`free` is 0 exactly where the move is a death at once."""
    engine = task.positions(3, 200)
    seen = states(engine.observations())
    free = np.array([state.free for state in seen])
    assert free.tolist() == [list(free_of(6, state.snake, state.walls)) for state in seen]
    column = list(task.features).index("died")
    for action in range(4):
        features = engine.clone(np.arange(200)).step_features(np.full(200, action, np.int8))
        assert np.array_equal(features[:, column] == 0, free[:, action] == 1)


def test_prompts(task):
    """The five texts of one start position."""
    observations = task.engine(np.array([1], np.uint64)).observations()
    (state,) = states(observations)
    assert len(state.snake) == 3
    for name in ENCODINGS:
        encoding = encoding_of(name, 6)
        (text,) = encoding.texts(observations)
        assert text.startswith("### Instruction:\n")
        assert text.endswith("\n\n### Response:\n")
        answered = tokenizer_of(encoding)(text + "2<eos>")["input_ids"]
        assert answered[-2:] == [ACTIONS[2], EOS]
        assert encoding.decode(answered) == state
    ascii_ = encoding_of("ascii", 6).texts(observations)[0].split("\n")[1:7]
    assert sorted("".join(ascii_).replace(".", "")).count("@") == 1
    assert sum(look in "^v<>" for look in "".join(ascii_)) == 2


def test_paths_that_turn_back_have_no_token():
    assert len(CHUNKS) == sum(4 * 3 ** (k - 1) for k in range(1, CHUNK + 1)) == len(set(CHUNKS))


@EVERY
def test_a_perceived_snake_with_a_gap_is_no_error(name):
    """Vision may read a snake whose parts do not touch: it still gets a prompt, if not one to read back."""
    observations = random_batch(8, 3, 0, np.random.default_rng(5))
    observations.columns["snake"][:, 0] = (observations.columns["snake"][:, 0] + 27) % 64
    ids, mask = encoding_of(name, 8).encode_batch(observations)
    assert ids.shape == mask.shape
    assert ids.max() < len(encoding_of(name, 8).vocabulary)


def test_refusals():
    with pytest.raises(UsageError, match="size 33"):
        encoding_of("cells", 33)
    with pytest.raises(UsageError, match="'emoji' is not known: choose one of path, cells"):
        encoding_of("emoji", 6)
    for name in ENCODINGS:
        with pytest.raises(UsageError, match="found observations of size 5"):
            encoding_of(name, 6).encode_batch(random_batch(5, 1, 0, np.random.default_rng(0)))
        with pytest.raises(UsageError, match="not a prompt"):
            encoding_of(name, 6).decode([7, 10])


@EVERY
def test_largest_board_fits_a_million_parameters(name):
    from ouroloop.policy.settings import Shape
    from ouroloop.policy.snake_gpt import create

    assert create(SnakeTask(32), Shape(), 0, name).model.num_parameters() < 1_000_000

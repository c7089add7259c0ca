"""The small Gemma's vocabulary and tokenizer, and what models are asked.

Every sign of a board is one token, also where a row ends: there the sign and the text up to the next row are one token
together. A reply then has exactly one token per cell. The image has one token per cell too, in the same order, so the distance
from a cell's image token to the token that names it is the same for all cells, and rotary attention finds it at once.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.gemma.config import Questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ouroloop.protocols.ports import Sight, Task

PAD, EOS, BOS, UNKNOWN = "<pad>", "<eos>", "<bos>", "<unk>"
IMAGE, IMAGE_BEGINS, IMAGE_ENDS = "<image_soft_token>", "<start_of_image>", "<end_of_image>"
TURN_BEGINS, TURN_ENDS = "<start_of_turn>", "<end_of_turn>"
SPECIAL: Final = (PAD, EOS, BOS, UNKNOWN, TURN_BEGINS, TURN_ENDS, IMAGE_BEGINS, IMAGE_ENDS, IMAGE)
"""Gemma's own special tokens; the index is the id."""
PRINTABLE: Final = "".join(map(chr, range(32, 127)))
SAMPLES: Final = 256
"""Positions from which the names of the signs are found."""


def board_text(rows: Sequence[str]) -> str:
    """Return a board in the form in which models write it: `{"board": ["..^", ...]}`."""
    return json.dumps({"board": list(rows)})


def glyph_rows(classes: Sequence[int], sight: Sight) -> list[str]:
    """Return the rows of a board's signs, of the class of each cell: (side * side,)."""
    text = "".join(sight.glyphs[kind] for kind in classes)
    return [text[start : start + sight.side] for start in range(0, len(text), sight.side)]


def written(sight: Sight) -> list[str]:
    """Return each class's sign as JSON writes it inside a text."""
    return [json.dumps(glyph)[1:-1] for glyph in sight.glyphs]


def short_questions() -> Questions:
    """Return the questions of the small model, which knows nothing but the game."""
    return Questions(board="Read the board.", move="Name the next move.")


def full_board_question(task: Task) -> str:
    """Return a question for a board that tells a model of others everything."""
    sight = sight_of(task)
    form = board_text([sight.glyphs[0] * sight.side] * 2).replace("]}", ", ...]}")
    return f"{shown(task)} Write one sign for each cell: {legend(task)}. Answer with JSON alone, one text for each row: {form}"


def full_move_question(task: Task, moves: Sequence[str]) -> str:
    """Return a question for a move that tells a model of others everything.

    Args:
        task: the game.
        moves: what stands for each action in an answer: its name, or its number.
    """
    named = (word if word == name else f"{word} for {name}" for word, name in zip(moves, task.actions, strict=True))
    return f"{shown(task)} The possible moves are {', '.join(named)}. Which one is best? Answer with one word."


def shown(task: Task) -> str:
    """Return a sentence on what a picture shows."""
    side = sight_of(task).side
    return f"The picture shows a position of the game {task.name}, a board of {side} rows of {side} cells."


def legend(task: Task) -> str:
    """Return what each sign stands for, in the words of the game's phrases.

    A class of cells is called by the phrase that names all of its cells, and the fewest others.
    """
    sight = sight_of(task)
    seen = sight.vary(task.positions(0, SAMPLES).observations(), np.random.default_rng(0))
    labels, said = sight.label(seen), dict[str, list[str]]()
    marked = sorted((int((cells := sight.marked(phrase, seen)).sum()), phrase, cells) for phrase in sight.phrases)
    for kind, glyph in enumerate(sight.glyphs):
        own = labels == kind
        names = [phrase for _, phrase, cells in marked if own.any() and cells[own].all()]
        said.setdefault(names[0] if names else "anything else", []).append(repr(glyph))
    return ", ".join(f"{' or '.join(glyphs)} for {name}" for name, glyphs in said.items())


def vocabulary(task: Task) -> tuple[str, ...]:
    """Return the texts of the small model's tokens; the index is the id."""
    sight, asked = sight_of(task), short_questions()
    opening, between, closing = pieces(sight)
    words = [piece for text in (asked.board, asked.move) for piece in re.findall(r" ?\w+", text)]
    signs = written(sight)
    ends = [sign + between for sign in signs]
    plain = ["\n\n", "\n", "user", "model", *words, *task.actions, opening, closing, *ends, *signs, *PRINTABLE]
    return tuple(dict.fromkeys((*SPECIAL, *plain)))


def pieces(sight: Sight) -> tuple[str, str, str]:
    """Return what a board's text has before its first row, between two rows, and after the last."""
    opening, between, closing = board_text(["A", "A"]).split("A")
    return opening, between, closing


def build_tokenizer(task: Task) -> PreTrainedTokenizerFast:
    """Return the small model's tokenizer: the longest words of its vocabulary first, and single characters for the rest."""
    texts = vocabulary(task)
    plain = sorted(texts[len(SPECIAL) :], key=len, reverse=True)
    tokenizer = Tokenizer(models.WordLevel({text: index for index, text in enumerate(texts)}, unk_token=UNKNOWN))
    longest = "|".join("\\n" * len(text) if not text.strip("\n") else re.escape(text) for text in plain)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(longest), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        bos_token=BOS,
        unk_token=UNKNOWN,
        extra_special_tokens={
            "boi_token": IMAGE_BEGINS,
            "eoi_token": IMAGE_ENDS,
            "image_token": IMAGE,
            "sot_token": TURN_BEGINS,
            "eot_token": TURN_ENDS,
        },
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )

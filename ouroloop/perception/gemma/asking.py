"""A Gemma's answers to pictures: the same question with each picture, batch by batch.

There are three ways to a board:

- `free`: the model writes what it will, token after token, and `replies` makes a board of it.
- `forced`: token after token too, but only the tokens that a `Form` allows.
- `parallel`: the same reply as `forced` in a few passes instead of one per token (Jacobi decoding; Santilli et al. 2023). A
  draft of the whole answer goes through the model, and what it says at each place is the next draft. A draft that comes
  back unchanged is what greedy decoding gives: every token is then the model's choice after the tokens before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from ouroloop.perception.gemma.loading import guarded, quiet
from ouroloop.perception.gemma.towers import prepared
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ouroloop.perception.gemma.forms import Form
    from ouroloop.perception.gemma.loading import Gemma

TYPES: Final = ("token_type_ids", "mm_token_type_ids")
"""Inputs that say which tokens are of the image; those of an answer are not."""


@dataclass(slots=True)
class Asker:
    """Puts one question to a model with many pictures."""

    gemma: Gemma
    question: str
    _texts: dict[tuple[int, ...], dict[str, Tensor]] = field(default_factory=dict)

    def inputs(self, pixels: NDArray[np.uint8]) -> dict[str, Tensor]:
        """Return the model's inputs for pictures (B, H, W, 3) uint8 with the question; the text's part is made once."""
        processor = self.gemma.processor
        images = dict(prepared(processor.image_processor, pixels))
        unused = set(processor.unused_input_names)
        shape = pixels.shape[1:]
        if shape not in self._texts:
            self._texts[shape] = self._text_inputs(pixels[0], images.keys() | unused)
        made = {name: value.expand(len(pixels), -1) for name, value in self._texts[shape].items()}
        made |= {name: value for name, value in images.items() if name not in unused}
        model = self.gemma.model
        return {
            name: value.to(self.gemma.device, model.dtype) if value.is_floating_point() else value.to(self.gemma.device)
            for name, value in made.items()
        }

    def _text_inputs(self, picture: NDArray[np.uint8], skipped: set[str]) -> dict[str, Tensor]:
        """Return the inputs besides the picture: (1, L) each."""
        processor = self.gemma.processor
        settings = {"return_tensors": "pt", "add_special_tokens": False}
        text = prompt(processor, self.question, self.gemma.name)
        found = guarded("prompt", self.gemma.name, processor, text=[text], images=[picture], **settings)
        return {name: value for name, value in found.items() if name not in skipped}

    def rate(self, pixels: NDArray[np.uint8], tokens: Sequence[int]) -> NDArray[np.float32]:
        """Return the logits of tokens that may begin the answer: (B, len(tokens)) float32."""
        with torch.inference_mode(), quiet():
            found = self.gemma.model(**self.inputs(pixels), logits_to_keep=1, use_cache=False).logits[:, -1]
        logits: NDArray[np.float32] = found[:, list(tokens)].float().cpu().numpy()
        return logits

    def write(self, pixels: NDArray[np.uint8], most: int) -> list[str]:
        """Return what the model writes of its own, at most `most` tokens a reply."""
        inputs = self.inputs(pixels)
        answers = self._generate(inputs, most, [])
        ended: list[str] = self.gemma.processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
        return ended

    def forced(self, pixels: NDArray[np.uint8], form: Form) -> NDArray[np.float32]:
        """Return the class probabilities of each cell, the model writing in the form's shape: (B, C, K) float32."""
        inputs = self.inputs(pixels)
        keeper = _Keeper(form, inputs["input_ids"].shape[1])
        self._generate(inputs, int(form.places[-1]) + 1, [keeper])
        probabilities: NDArray[np.float32] = torch.stack(keeper.kept, 1).softmax(-1).cpu().numpy()
        return probabilities

    def parallel(self, pixels: NDArray[np.uint8], form: Form) -> NDArray[np.float32]:
        """Return the same as `forced`; see the module. Answers that are settled leave the batch."""
        with torch.inference_mode(), quiet():
            return self._settle(self.inputs(pixels), form)

    def _settle(self, inputs: dict[str, Tensor], form: Form) -> NDArray[np.float32]:
        memory = self.gemma.model(**inputs, logits_to_keep=1, use_cache=True).past_key_values
        if hasattr(memory, "activate_past_recording"):  # else layers with a window forget what a draft pushes out of it
            memory.activate_past_recording()
        cells, classes = form.signs.shape
        found = np.zeros((len(inputs["input_ids"]), cells, classes), np.float32)
        rows, draft = np.arange(len(found)), np.zeros((len(found), cells), np.int64)
        for _ in range(cells + 1):  # each pass settles one more cell at least
            logits = self._passed(memory, form, draft, inputs["input_ids"].shape[1])
            found[rows] = logits.softmax(-1).cpu().numpy()
            chosen = logits.argmax(-1).cpu().numpy()
            left = (chosen != draft).any(1)
            if not left.any():
                break
            if not left.all():
                memory.batch_select_indices(torch.from_numpy(np.flatnonzero(left)).to(self.gemma.device))
            rows, draft = rows[left], chosen[left]
        return found

    def _passed(self, memory: Any, form: Form, draft: NDArray[np.int64], begin: int) -> Tensor:
        """Return the logits of each cell's classes after the tokens of a draft before it, (R, C, K) float32.

        Args:
            memory: the model's cache of the prompts; it is the same afterwards.
            form: of the answers; they never begin with a sign.
            draft: (R, C), the class of each cell.
            begin: tokens of a prompt.
        """
        end = int(form.places[-1])
        answer = torch.from_numpy(form.fill(draft)[:, :end]).to(self.gemma.device)
        seen = torch.ones((len(answer), begin + end), dtype=torch.int64, device=answer.device)
        said = self.gemma.model(input_ids=answer, attention_mask=seen, past_key_values=memory, use_cache=True).logits
        memory.crop(-end)
        at = said[:, torch.from_numpy(form.places - 1).to(said.device)]
        signs = torch.from_numpy(form.signs).to(said.device)
        return at.gather(-1, signs.expand(len(at), -1, -1)).float()

    def _generate(self, inputs: Mapping[str, Tensor], most: int, processors: list[Any]) -> Tensor:
        """Return the new tokens of greedy decoding: (B, T)."""
        with torch.inference_mode(), quiet():
            found = self.gemma.model.generate(
                **inputs,
                max_new_tokens=most,
                do_sample=False,
                top_p=None,
                top_k=None,
                logits_processor=LogitsProcessorList(processors),
            )
        return found[:, inputs["input_ids"].shape[1] :]


class _Keeper(LogitsProcessor):  # type: ignore[misc]
    """Lets a form's tokens pass alone, and keeps the logits of the classes where a sign has to come."""

    def __init__(self, form: Form, begin: int) -> None:
        self.form, self.begin = form, begin
        self.kept: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores (B, V) in which all other tokens are impossible."""
        step = input_ids.shape[1] - self.begin
        allowed = torch.from_numpy(self.form.allowed(step)).to(scores.device)
        if step in self.form.places:
            self.kept.append(scores[:, allowed].float())
        masked = torch.full_like(scores, -torch.inf)
        masked[:, allowed] = scores[:, allowed]
        return masked


def followed(inputs: Mapping[str, Tensor], answer: Tensor) -> dict[str, Tensor]:
    """Return inputs whose prompts are followed by answers: (B, T) int64."""
    longer = dict(inputs)
    longer["input_ids"] = torch.cat((inputs["input_ids"], answer), 1)
    if "attention_mask" in inputs:
        longer["attention_mask"] = torch.cat((inputs["attention_mask"], torch.ones_like(answer)), 1)
    for name in TYPES:
        if name in inputs:
            longer[name] = torch.cat((inputs[name], torch.zeros_like(answer)), 1)
    return longer


def prompt(processor: Any, question: str, name: str) -> str:
    """Return a picture and a question as the model's turns; as plain text for a model that knows no turns.

    Raises:
        UsageError: the checkpoint's template cannot be used.
    """
    if processor.chat_template is None:
        return f"{processor.tokenizer.bos_token}{processor.image_token}{question}\n"
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
    text = guarded("chat template", name, processor.apply_chat_template, asked, add_generation_prompt=True, tokenize=False)
    if not isinstance(text, str) or text.count(processor.image_token) != 1:
        raise UsageError(f"the chat template of {name} has no place for a picture: choose another checkpoint")
    return text

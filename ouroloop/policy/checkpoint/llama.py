"""The configuration of a Snake-GPT, `config.json`, held to a strict form before `transformers` sees it.

A Snake-GPT is a plain Llama: no other activation, no biases, no scaled rotary embedding, no quantisation, no code of its own.
The model is made from the checked values alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ouroloop.files import read_regular
from ouroloop.hub import CONFIG
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import loads, one_line
from ouroloop.protocols.text import plain_line

MOST_BYTES: Final = 65_536
TOKENS: Final = 1_000_000
"""The most tokens of a vocabulary or of a prompt."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rope(_Part):
    """The rotary embedding."""

    rope_type: Literal["default"] = "default"
    rope_theta: float = Field(default=10000.0, gt=1, le=1e9, allow_inf_nan=False)


class LlamaNumbers(_Part):
    """What `config.json` of any Snake-GPT may hold; what follows `initializer_range` changes nothing when it plays."""

    vocab_size: int = Field(ge=1, le=TOKENS)
    hidden_size: int = Field(ge=1, le=8192)
    intermediate_size: int = Field(ge=1, le=65_536)
    num_hidden_layers: int = Field(ge=1, le=128)
    num_attention_heads: int = Field(ge=1, le=256)
    num_key_value_heads: int = Field(ge=1, le=256)
    head_dim: int = Field(ge=2, le=1024, multiple_of=2)
    max_position_embeddings: int = Field(ge=1, le=TOKENS)
    hidden_act: Literal["silu"] = "silu"
    attention_bias: Literal[False] = False
    mlp_bias: Literal[False] = False
    rms_norm_eps: float = Field(default=1e-6, gt=0, lt=1, allow_inf_nan=False)
    rope_parameters: Rope = Rope()
    tie_word_embeddings: bool = False
    pad_token_id: int | None = Field(default=None, ge=0, lt=TOKENS)
    eos_token_id: int | None = Field(default=None, ge=0, lt=TOKENS)
    bos_token_id: int | None = Field(default=None, ge=0, lt=TOKENS)
    initializer_range: float = Field(default=0.02, ge=0, le=10, allow_inf_nan=False)
    attention_dropout: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    pretraining_tp: Literal[1] = 1
    use_cache: bool = True
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    transformers_version: str = Field(default="", max_length=40)

    @model_validator(mode="after")
    def _fit(self) -> LlamaNumbers:
        if self.num_key_value_heads != self.num_attention_heads:
            raise ValueError(
                f"num_key_value_heads is {self.num_key_value_heads}, expected {self.num_attention_heads}, as heads"
            )
        return self

    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments of a `transformers.LlamaConfig`."""
        return self.model_dump(include=set(LlamaNumbers.model_fields) - {"dtype", "transformers_version"})


class LlamaShape(LlamaNumbers):
    """Everything that `config.json` of a Snake-GPT that reads text may hold."""

    model_type: Literal["llama"]
    architectures: list[Literal["LlamaForCausalLM"]] = Field(default=["LlamaForCausalLM"], max_length=1)


Numbers = TypeVar("Numbers", bound=LlamaNumbers)


def read_shape(folder: Path) -> LlamaShape:
    """Return the checked configuration in the directory of a Snake-GPT that reads text; see `read_numbers`."""
    return read_numbers(folder, LlamaShape)


def read_numbers(folder: Path, kind: type[Numbers]) -> Numbers:
    """Return the checked configuration in a policy's directory.

    Args:
        folder: the directory.
        kind: what it may hold.

    Raises:
        UsageError: it is missing or damaged, or not of this kind; the message names the first key that is wrong.
    """
    try:
        return kind.model_validate(loads(read_regular(folder / CONFIG, MOST_BYTES)))
    except ValidationError as error:
        raise UsageError(
            f"{CONFIG} of the policy in {folder} is not that of a Snake-GPT: {plain_line(one_line(error))}"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"the policy in {folder} cannot be read: {CONFIG}: {plain_line(str(error), 120)}") from None

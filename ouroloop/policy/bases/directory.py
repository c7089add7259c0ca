"""A trained base on disk: its adapter, or all of its weights, and a card that describes it.

`base.json` is the card. Beside it are PEFT's files of an adapter, to be applied to the base that the card names. If all
weights are the policy's own, or the adapter was merged into them, there is instead a checkpoint in the form of
`save_pretrained`, which `AutoModelForCausalLM` and vLLM load.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from ouroloop.atomic import whole_directory
from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.policy import snake_gpt
from ouroloop.policy.bases.adapter import prepare_quantised
from ouroloop.policy.bases.base import Base
from ouroloop.policy.bases.loading import fast_dtype, keep_layout, read_model, read_tokenizer, unreadable
from ouroloop.policy.bases.origin import Origin, find_checkpoint
from ouroloop.policy.card import GameCard, encoding_for
from ouroloop.policy.fusion.directory import is_seeing, open_seeing, save_seeing
from ouroloop.policy.fusion.seeing import Seeing
from ouroloop.policy.settings import LoraSettings, Quantisation
from ouroloop.policy.snake_gpt import SnakeGPT, quiet
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import loads
from ouroloop.vetting import WEIGHTS_BYTES, shapes_in, vet

if TYPE_CHECKING:
    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.ports import Task

CARD = "base.json"
ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
EXOTIC = (
    "rank_pattern", "alpha_pattern", "modules_to_save", "layer_replication", "megatron_config", "loftq_config", "eva_config",
    "corda_config", "trainable_token_indices", "target_parameters", "auto_mapping", "arrow_config",
)  # fmt: skip
"""Settings of PEFT that a plain LoRA leaves empty."""


class Card(GameCard):
    """The contents of `base.json`; `fingerprint` and `actions` are compared with the base when it is opened."""

    format: Literal[1] = 1
    hint: bool
    weights: Literal["adapter", "whole"]
    base: str
    revision: str
    fingerprint: str
    quantisation: Quantisation
    adapter: LoraSettings | None
    actions: tuple[int, ...]


def save_policy(policy: LanguagePolicy, out: Path, *, merge: bool = False) -> None:
    """Write a policy directory of any kind; it appears complete or not at all, and replaces an older one.

    Args:
        policy: a Snake-GPT that reads or sees, or a base.
        out: the directory.
        merge: write all weights of a base with the adapter merged into them, instead of the adapter alone.

    Raises:
        UsageError: the policy is a quantised base without an adapter, so there is nothing of its own to save.
    """
    if isinstance(policy, SnakeGPT):
        snake_gpt.save(policy, out)
        return
    if isinstance(policy, Seeing):
        save_seeing(policy, out)
        return
    assert isinstance(policy, Base)
    with whole_directory(out) as folder:
        save_base(policy, folder, merge=merge)


def save_base(policy: Base, folder: Path, *, merge: bool = False) -> None:
    """Write a base's files into an existing directory; see `save_policy`."""
    if policy.adapter is None and policy.quantisation != "none":
        raise UsageError(f"{policy.origin.name} is quantised and has no adapter: there is nothing to save beyond the original")
    kept: Literal["adapter", "whole"] = "adapter" if policy.adapter is not None and not merge else "whole"
    origin = policy.origin
    with quiet():
        if policy.adapter is None:
            policy.model.save_pretrained(folder)
        else:
            _write_adapter(policy, folder)
        if kept == "whole":
            if policy.adapter is not None:
                _merge(origin, folder)
            policy.tokenizer.save_pretrained(folder)
    card = {
        "task": policy.task,
        "encoding": policy.encoding.name,
        "hint": policy.hint,
        "weights": kept,
        "base": origin.name,
        "revision": origin.revision,
        "fingerprint": origin.fingerprint,
        "quantisation": policy.quantisation if kept == "adapter" else "none",
        "adapter": policy.adapter if kept == "adapter" else None,
        "actions": policy.actions,
    }
    (folder / CARD).write_text(Card.model_validate({**policy.encoding.settings, **card}).text())


def _write_adapter(policy: Base, folder: Path) -> None:
    """Write an adapter's files. Otherwise PEFT would ask the Hub whether the vocabulary has changed, which it has not."""
    policy.model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's template, with every field still empty
    path = folder / ADAPTER_CONFIG
    settings = json.loads(path.read_text())
    settings |= {"base_model_name_or_path": policy.origin.name, "revision": policy.origin.revision or None}
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


def _merge(origin: Origin, folder: Path) -> None:
    """Replace a saved adapter by its base with the adapter merged in: the original one, since quantised weights would round."""
    from peft import PeftModel

    checkpoint, _ = find_checkpoint(origin.name, origin.revision)
    vet(checkpoint, origin.name)
    model = read_model(checkpoint, origin, "none", "auto", "cpu")
    merged = PeftModel.from_pretrained(model, folder).merge_and_unload()
    for path in folder.iterdir():
        path.unlink()
    merged.save_pretrained(folder)


def open_policy(
    path: Path,
    *,
    task: Task | None = None,
    trainable: bool = False,
    quantisation: Quantisation | None = None,
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    base: str = "",
) -> LanguagePolicy:
    """Return the policy, of any kind, in a directory.

    Args:
        path: the policy directory.
        task: the game that it is to play; by default the installed one that its card names.
        trainable: whether a base's adapter can be trained, or a seeing policy's weights of its stage.
        quantisation: of a base's linear layers; by default as it was trained. For Snake-GPT see `quantise.in_precision`.
        dtype: of a base's other weights; `fast_dtype(device)` by default.
        device: where the model goes.
        base: where an adapter's base is, if it has moved.

    Raises:
        UsageError: there is no policy, it is damaged or belongs to another game, board or vocabulary, or it is an adapter of
            another base.
        SurroundingsError: the base is not on this machine, or bitsandbytes is not installed.
    """
    if is_seeing(path):
        return open_seeing(path, task=task, trainable=trainable, device=device)
    if not (path / CARD).is_file():
        return snake_gpt.load(path, task=task, device=device)
    card = _card(path)
    encoding = encoding_for(card, path, task)
    checkpoint, found = find_checkpoint(str(path) if card.weights == "whole" else base or card.base, card.revision)
    if card.weights == "adapter" and found.fingerprint != card.fingerprint:
        raise UsageError(
            f"the adapter in {path} belongs to another base than {found.name}, whose configuration, vocabulary or weights "
            "are not those that it was trained on; name the right one"
        )
    if card.weights == "adapter":
        check_adapter(path, card.adapter)
    tokenizer, words = read_tokenizer(checkpoint, encoding, found)
    if words.actions != card.actions:
        raise UsageError(
            f"the policy in {path} has another vocabulary: its actions are the tokens {list(card.actions)}, "
            f"found {list(words.actions)}; put the tokenizer back that it was trained with, or retrain it"
        )
    held: Quantisation = card.quantisation if quantisation is None else quantisation
    model = read_model(checkpoint, found, held, dtype or fast_dtype(device), device)
    if card.weights == "adapter":
        model = _adapted(model, path, found, quantised=held != "none", trainable=trainable)
    origin = found if card.weights == "adapter" else Origin(card.base, card.revision, card.fingerprint)
    return Base(model.eval(), tokenizer, encoding, card.task, words, origin, held, card.hint, card.adapter)


def _card(path: Path) -> Card:
    """Return a directory's card.

    Raises:
        UsageError: it is damaged.
    """
    try:
        return Card.model_validate_json(read_regular(path / CARD, CARD_BYTES))
    except (OSError, ValidationError) as error:
        raise UsageError(f"{path} is no policy directory: {CARD} is damaged; name another, or train one") from error


def check_adapter(path: Path, settings: LoraSettings | None) -> None:
    """Refuse an adapter whose settings are not those of a plain LoRA, as the card describes it.

    Raises:
        UsageError: the settings are damaged, or name something that the card does not.
    """
    what = "settings"
    try:
        found = loads(read_regular(path / ADAPTER_CONFIG, CARD_BYTES))
        what = "weights"
        shapes_in(path / ADAPTER, WEIGHTS_BYTES)
    except (OSError, ValueError, SafetensorError) as error:
        raise unreadable(what, f"the adapter in {path}", error) from error
    targets = found.get("target_modules") if isinstance(found, dict) else None
    named = targets == "all-linear" or (isinstance(targets, list) and all(isinstance(name, str) for name in targets))
    odd = [key for key in EXOTIC if found.get(key)] if isinstance(found, dict) else ["its form"]
    if settings is None or odd or not named or (found.get("peft_type"), found.get("r")) != ("LORA", settings.rank):
        what = f": {odd[0]} is set" if odd else ""
        raise UsageError(f"the adapter in {path} is not the LoRA that {CARD} describes{what}; train it again")


def _adapted(model: Any, path: Path, origin: Origin, *, quantised: bool, trainable: bool) -> Any:
    """Return a base's model with the adapter from a directory.

    Raises:
        UsageError: the adapter is damaged, or was made for other layers.
    """
    from peft import PeftModel, get_peft_model_state_dict

    if trainable and quantised:
        keep_layout(model, train=True)
        model = prepare_quantised(model, checkpointing=False)
    try:
        with safe_open(path / ADAPTER, framework="pt") as file:
            names = set(file.keys())
        with quiet():
            adapted = PeftModel.from_pretrained(model, path, is_trainable=trainable)
    except Exception as error:
        raise unreadable("weights", f"the adapter in {path}", error) from error
    odd = sorted(names ^ set(get_peft_model_state_dict(adapted, save_embedding_layers=False)))
    if odd:
        raise UsageError(f"the adapter in {path} does not fit {origin.name}: {odd[0]} is in one of them only; name its base")
    return adapted

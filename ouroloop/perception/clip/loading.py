"""Any CLIP of open_clip, by its name or a directory. Nothing is fetched, and no code that comes with a model is run."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import open_clip
import torch
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.model import CLIPTextCfg
from open_clip.tokenizer import HFTokenizer

from ouroloop.files import check_regular
from ouroloop.perception.clip.alone import alone
from ouroloop.perception.clip.model import CONFIG, Clip, ready
from ouroloop.perception.clip.vetting import WEIGHTS_BYTES, vet
from ouroloop.perception.encoders import told
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HUB: Final = "hf-hub:"
HERE: Final = "local-dir:"
RANDOM: Final = "random"
"""In place of pretrained weights: untrained ones, drawn from the seed."""
FILES: Final = (".safetensors", ".bin", ".pt", ".pth")
"""Endings of files of weights; all but the first are read by `torch.load(weights_only=True)`, which runs no code."""
URL_CACHE: Final = Path("~/.cache/clip")
"""Where open_clip keeps weights that it fetched by a URL."""
PREPROCESS: Final = ("mean", "std", "interpolation", "resize_mode")


def load_clip(name: str | Path, pretrained: str = "", *, seed: int = 0) -> Clip:
    """Return a CLIP of open_clip, in float32 and on the CPU.

    Args:
        name: a model that open_clip knows, such as `ViT-B-32`; a directory in its format, also as `local-dir:PATH`; or a model
            on the Hugging Face Hub that the local cache has, as `hf-hub:owner/model`.
        pretrained: of a model by name alone: one of open_clip's tags whose weights the cache has, a file of weights, or
            `random` for untrained ones.
        seed: of untrained weights.

    Raises:
        UsageError: there is no such model, tag or directory, or the files are damaged, not regular, or a pickle.
        SurroundingsError: the model exists, but is not on this machine.
    """
    text = str(name)
    folder = _folder(text)
    if folder is None:
        return _by_name(text, pretrained, seed)
    if pretrained:
        raise UsageError(f"the CLIP {text} has weights of its own: leave out the pretrained weights {pretrained!r}")
    return _from_folder(folder)


def _folder(name: str) -> Path | None:
    """Return the directory that a name means; None if it is a model's name."""
    if name.startswith(HUB):
        return _cached_repository(name.removeprefix(HUB))
    if name.startswith(HERE):
        return Path(name.removeprefix(HERE)).expanduser()
    if name.replace("/", "-") in open_clip.list_models():
        return None
    path = Path(name).expanduser()
    return path if path.is_dir() or len(path.parts) > 1 else None


def _cached_repository(name: str) -> Path:
    found = _cached(name, CONFIG)
    if found is None:
        raise SurroundingsError(
            f"the CLIP {name} is not on this machine: looked in the cache {constants.HF_HUB_CACHE} (HF_HUB_CACHE moves it); "
            f"fetch it with `hf download {name}`, or name a directory"
        )
    return found.parent


def _cached(repository: str, file: str) -> Path | None:
    """Return a file of a model on the Hub, if the cache has it."""
    try:
        found = try_to_load_from_cache(repository, file, cache_dir=constants.HF_HUB_CACHE)
    except HFValidationError as error:
        raise UsageError(f"{repository!r} is no name of a model on the Hugging Face Hub: expected owner/model") from error
    return Path(found) if isinstance(found, str) else None


def _from_folder(folder: Path) -> Clip:
    config = vet(folder)
    with alone():
        model = _made(f"{HERE}{folder}", str(folder), pretrained_image=False, pretrained_text=False)
    return ready(str(folder), model, _with_preprocess(config, model), Tokens(config["text_cfg"], folder))


def _by_name(name: str, pretrained: str, seed: int) -> Clip:
    models = open_clip.list_models()
    known = name.replace("/", "-")
    if known not in models:
        raise UsageError(
            f"open_clip has no model {name!r}: {did_you_mean(name, models)}name one of its {len(models)}, or a directory"
        )
    config = open_clip.get_model_config(known)
    options: dict[str, Any] = {"pretrained_image": False, "pretrained_text": False}
    if pretrained != RANDOM:
        weights, tag = _weights(known, pretrained)
        gelu = bool(tag.get("quick_gelu") or config.get("quick_gelu"))
        config["quick_gelu"] = gelu
        options |= {"pretrained": str(weights), "force_quick_gelu": gelu}
        options["force_preprocess_cfg"] = {key: tag[key] for key in PREPROCESS if key in tag}
    with alone(seed):
        model = _made(known, name, **options)
    return ready(name, model, _with_preprocess(config, model), Tokens(config["text_cfg"], None))


def _weights(name: str, pretrained: str) -> tuple[Path, dict[str, Any]]:
    """Return the file of weights that `pretrained` means, and what open_clip knows of the tag."""
    tags = open_clip.list_pretrained_tags_by_model(name)
    tag: dict[str, Any] = open_clip.pretrained.get_pretrained_cfg(name, pretrained) if pretrained else {}
    if tag:
        return _cached_weights(name, pretrained, tag), tag
    path = Path(pretrained).expanduser()
    if not pretrained or not path.is_file():
        found = f"found {pretrained!r}" if pretrained else "none are given"
        hint = did_you_mean(pretrained, tags)
        raise UsageError(
            f"the CLIP {name} needs pretrained weights, {found}: {hint}give a tag ({', '.join(tags) or 'it has none'}), "
            f"a file, or {RANDOM}"
        )
    if path.suffix not in FILES:
        raise UsageError(f"the weights {path} end in {path.suffix or 'nothing'}: expected one of {', '.join(FILES)}")
    try:
        check_regular(path, WEIGHTS_BYTES)
    except OSError as error:
        raise UsageError(f"the weights {path} cannot be read: {told(error)}; fetch them again") from error
    return path, {}


def _cached_weights(name: str, pretrained: str, tag: dict[str, Any]) -> Path:
    """Return the cached file of a tag."""
    repository, _, file = str(tag.get("hf_hub", "")).rpartition("/")
    files = (Path(file).with_suffix(".safetensors").name, file) if file else (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
    found = [path for path in (_cached(repository, one) for one in files) if path] if repository else []
    kept = URL_CACHE.expanduser() / Path(str(tag.get("url", ""))).name
    if tag.get("url") and kept.is_file():
        found.append(kept)
    if found:
        return found[0]
    place = f"{constants.HF_HUB_CACHE} and {URL_CACHE}"
    fetch = f"fetch them with `hf download {repository}`" if repository else f"fetch {tag.get('url')}"
    raise SurroundingsError(f"the weights {pretrained} of {name} are not on this machine: looked in {place}; {fetch}")


def _made(model: str, name: str, **options: Any) -> Any:
    """Return a model of open_clip, whole and finite."""
    try:
        made = open_clip.create_model(model, weights_only=True, **options)
    except Exception as error:  # open_clip, torch and timm raise anything on damaged or missing files
        if "offline" in str(error).lower():
            raise SurroundingsError(f"the CLIP {name} needs files that are not on this machine: {told(error)}") from error
        raise UsageError(f"the CLIP {name} cannot be made: {told(error)}; save or fetch it again") from error
    if not all(bool(torch.isfinite(weight).all()) for weight in made.parameters()):
        raise UsageError(f"the CLIP {name} has weights that are not finite: save or fetch it again")
    return made.eval().requires_grad_(False)


def _with_preprocess(model_cfg: dict[str, Any], model: Any) -> dict[str, Any]:
    """Return the contents of `open_clip_config.json`, with what open_clip does to this model's pictures."""
    preprocess: dict[str, Any] = open_clip.get_model_preprocess_cfg(model)
    return {"model_cfg": model_cfg, "preprocess_cfg": preprocess}


class Tokens:
    """A model's tokenizer, loaded when the first text comes: eyes need none."""

    def __init__(self, text_cfg: dict[str, Any], folder: Path | None) -> None:
        """Keep the text tower's settings, and the directory of a model that has one."""
        self._settings, self._folder = text_cfg, folder
        self._source = folder or text_cfg.get("hf_tokenizer_name") or "its own"
        self._context = int(text_cfg.get("context_length", CLIPTextCfg.context_length))
        self._tokenizer: Callable[[list[str]], torch.Tensor] | None = None

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the ids of texts: (N, context) int64.

        Raises:
            UsageError: the directory's tokenizer is missing or damaged, or does not fit the text tower.
            SurroundingsError: the tokenizer is not on this machine.
        """
        with self._guarded():
            ids: torch.Tensor = self._loaded()(list(texts))
        if self._folder is not None:
            self._check(ids, len(texts))
        return ids

    def save_pretrained(self, folder: str) -> None:
        """Write the tokenizer's files, if it has any of its own."""
        if self._settings.get("hf_tokenizer_name"):
            with self._guarded():
                tokenizer = self._loaded()
            tokenizer.save_pretrained(folder)

    def _loaded(self) -> Any:
        if self._tokenizer is None:
            self._tokenizer = self._load()
        return self._tokenizer

    def _load(self) -> Any:
        if not self._settings.get("hf_tokenizer_name"):
            return open_clip.SimpleTokenizer(context_length=self._context)
        kept = self._settings.get("tokenizer_kwargs") or {}
        mode = self._settings.get("tokenizer_mode")
        offline = {"local_files_only": True, "trust_remote_code": False}
        with alone():
            return HFTokenizer(str(self._source), self._context, tokenizer_mode=mode, **offline, **kept)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn whatever a tokenizer raises into an error of ours."""
        try:
            yield
        except Exception as error:  # transformers raises anything on damaged files, also when a text comes
            kind, remedy = (SurroundingsError, "fetch") if self._folder is None else (UsageError, "save")
            raise kind(f"the tokenizer of the CLIP {self._source} fails: {told(error)}; {remedy} it again") from error

    def _check(self, ids: torch.Tensor, count: int) -> None:
        """Raise UsageError unless ids are such as the directory's text tower takes."""
        words, shape = int(self._settings.get("vocab_size", CLIPTextCfg.vocab_size)), (count, self._context)
        if ids.shape != shape or ids.dtype != torch.int64 or not bool(((ids >= 0) & (ids < words)).all()):
            raise UsageError(
                f"the tokenizer of the CLIP {self._source} does not fit its text tower, which takes {self._context} of "
                f"{words} words: save both again"
            )

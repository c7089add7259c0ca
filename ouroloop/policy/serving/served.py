"""A Snake-GPT behind a vLLM server as `ports.Policy`; `vllm_server` starts one."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import numpy as np

from ouroloop.policy.card import said
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.protocols.encoding import Encoding
from ouroloop.protocols.errors import OuroloopError, SurroundingsError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

PROMPTS: Final = 1024
"""Prompts per request; the server divides them into its own batches."""


class ServedPolicy:
    """A policy whose answers come from a vLLM server.

    Its logits are log-probabilities over the whole vocabulary: the model's logits less one number per board, so softmax and
    order are the same.

    Args:
        url: the server's address, such as `http://127.0.0.1:8000`.
        encoding: the encoding that the model reads.
        model: the model's name on the server; by default the server's first.
        timeout_s: longest time to wait for an answer.

    Raises:
        UsageError: the url is not valid, or the server lacks the model, or the model has another vocabulary.
        SurroundingsError: no vLLM server answers there.
    """

    def __init__(self, url: str, encoding: Encoding, *, model: str | None = None, timeout_s: float = 60.0) -> None:
        """Ask the server which models it serves."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise UsageError(f"{url!r} is not the address of a model server: expected one such as http://127.0.0.1:8000")
        self.url, self.encoding, self.timeout_s = url.rstrip("/").removesuffix("/v1"), encoding, timeout_s
        self._opener = build_opener(ProxyHandler({}))
        names = [str(entry["id"]) for entry in self._listed("/v1/models", "data")]
        if not names or model not in (None, *names):
            served = ", ".join(names) or "no model"
            raise UsageError(f"the server at {self.url} serves {served}, not {model!r}: name one of its models")
        self.model = names[0] if model is None else model
        self._check_vocabulary()

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the actions' log-probabilities: (B, A) float32.

        Raises:
            SurroundingsError: the server is gone, or does not give the log-probabilities of all actions.
            UsageError: the server refuses the prompts, or the observations are of another board size.
        """
        ids, mask = self.encoding.encode_batch(observations)
        prompts = [row[seen].tolist() for row, seen in zip(ids, mask, strict=True)]
        parts = [self._complete(prompts[at : at + PROMPTS]) for at in range(0, len(prompts), PROMPTS)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.encoding.actions)), dtype=np.float32)

    def _complete(self, prompts: list[list[int]]) -> NDArray[np.float32]:
        """Return the log-probabilities after prompts: (B, A) float32."""
        actions = list(self.encoding.actions)
        wanted = {"max_tokens": 1, "temperature": 0, "logprobs": len(actions), "logprob_token_ids": actions}
        body = {"model": self.model, "prompt": prompts, "return_tokens_as_token_ids": True, **wanted}
        choices = self._listed("/v1/completions", "choices", body)
        out = np.full((len(prompts), len(actions)), np.nan, dtype=np.float32)
        try:
            for choice in choices:
                said = choice["logprobs"]["top_logprobs"][0]
                out[choice["index"]] = [said[f"token_id:{token}"] for token in actions]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._unfit("answers without the log-probabilities of all actions") from error
        if np.isnan(out).any():
            raise self._unfit(f"gave {len(choices)} answers to {len(prompts)} prompts, or some that are not numbers")
        return out

    def _check_vocabulary(self) -> None:
        """Compare the texts of all tokens with the server's."""
        tokenizer = build_tokenizer(self.encoding)
        tokens = list(range(len(self.encoding.vocabulary)))
        found = self._ask("/detokenize", {"model": self.model, "tokens": tokens})
        if not isinstance(found, dict) or found.get("prompt") != tokenizer.decode(tokens):
            raise UsageError(
                f"{self.model!r} at {self.url} has another vocabulary than the {len(tokens)} tokens of the encoding "
                f"{self.encoding.name!r} with {said(self.encoding.settings)}: serve a policy that was trained with both"
            )

    def _listed(self, path: str, key: str, body: dict[str, Any] | None = None) -> list[Any]:
        """Return the list under a key of an answer."""
        found = self._ask(path, body)
        if not isinstance(found, dict) or not isinstance(found.get(key), list):
            raise self._unfit(f"answered {path} without {key!r}")
        return list(found[key])

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return a JSON answer: to a POST of the body, or to a GET."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"Content-Type": "application/json"})  # noqa: S310 - http or https
        try:
            with self._opener.open(request, timeout=self.timeout_s) as reply:
                return json.load(reply)
        except HTTPError as error:
            said = error.read(500).decode(errors="replace")
            kind: type[OuroloopError] = UsageError if error.code < 500 else SurroundingsError
            raise kind(f"the server at {self.url} refused {path} with HTTP {error.code}: {said}; see its log") from error
        except (OSError, HTTPException) as error:
            raise SurroundingsError(
                f"no vLLM server answers at {self.url} ({error}): start one there (`python -m vllm.entrypoints.openai."
                f"api_server --model DIR --port PORT` in vLLM's environment, made by `make vllm`), or play in process"
            ) from error
        except ValueError as error:
            raise self._unfit(f"answered {path} with something else than JSON") from error

    def _unfit(self, what: str) -> SurroundingsError:
        """Return the error for an unsuitable server."""
        return SurroundingsError(
            f"the server at {self.url} {what}: expected vLLM with `logprob_token_ids`, as `make vllm` installs it"
        )

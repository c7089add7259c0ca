"""A policy behind a server: the messages against a scripted server, the launcher against scripted programs, and vLLM itself."""

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from ouroloop.envs.snake.encodings import ACTIONS, encoding_of
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.play import play
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.serving.served import PROMPTS, ServedPolicy
from ouroloop.policy.serving.vllm_server import servable, vllm_server
from ouroloop.policy.serving.wider import WIDTHS, widened
from ouroloop.policy.settings import Shape
from ouroloop.policy.sft.fit import SftConfig, fit_sft
from ouroloop.policy.snake_gpt import create, load, save
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.vllm_environment import VARIABLE, vllm_python

TINY = Shape(hidden=32, intermediate=48)


@dataclass
class Script:
    """What a scripted server answers, and what it was asked."""

    vocabulary: str = ""
    names: tuple = ("first", "second")
    choices: object = lambda prompts: [choice(index, prompt) for index, prompt in enumerate(prompts)]
    status: int = 200
    asked: list = field(default_factory=list)

    def answer(self, path, body):
        self.asked.append((path, body))
        if path == "/v1/models":
            return 200, {"data": [{"id": name} for name in self.names]}
        if path == "/detokenize":
            return 200, {"prompt": self.vocabulary}
        return self.status, {"choices": self.choices(body["prompt"])} if self.status == 200 else {"error": "too long"}


def choice(index, prompt, tokens=ACTIONS):
    """An answer that says which prompt it belongs to."""
    said = {f"token_id:{token}": -float(sum(prompt) % 97) - at for at, token in enumerate(tokens)}
    return {"index": index, "logprobs": {"top_logprobs": [said]}}


@contextmanager
def scripted(script):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.do_POST()

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, found = script.answer(self.path, json.loads(body) if body else None)
            data = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def script():
    encoding = encoding_of("path", 6)
    return Script(vocabulary=build_tokenizer(encoding).decode(list(range(len(encoding.vocabulary)))))


def test_prompts_go_out_and_answers_come_back_in_order(script, task):
    script.choices = lambda prompts: [choice(index, prompt) for index, prompt in enumerate(prompts)][::-1]
    observations, encoding = task.positions(3, PROMPTS + 5).observations(), encoding_of("path", 6)
    with scripted(script) as url:
        logits = ServedPolicy(url + "/v1/", encoding, model="second").logits(observations)
    ids, mask = encoding.encode_batch(observations)
    first = np.array([-float(row[seen].sum() % 97) for row, seen in zip(ids, mask, strict=True)])
    assert logits.dtype == np.float32
    assert np.array_equal(logits, first[:, None] - np.arange(4))
    bodies = [body for path, body in script.asked if path == "/v1/completions"]
    assert [len(body["prompt"]) for body in bodies] == [PROMPTS, 5]
    assert bodies[0]["prompt"][7] == ids[7][mask[7]].tolist()
    assert (bodies[0]["model"], bodies[0]["logprob_token_ids"], bodies[0]["max_tokens"]) == ("second", list(ACTIONS), 1)


def test_no_observations_ask_nothing(script, task):
    with scripted(script) as url:
        policy = ServedPolicy(url, encoding_of("path", 6))
        assert policy.model == "first"
        assert policy.logits(task.positions(3, 4).observations().take([])).shape == (0, 4)
    assert "/v1/completions" not in [path for path, _ in script.asked]


def test_refuses_what_is_no_server():
    with pytest.raises(UsageError, match="not the address of a model server"):
        ServedPolicy("localhost:8000", encoding_of("path", 6))
    with scripted(Script()) as url:
        pass
    with pytest.raises(SurroundingsError, match=f"(?s){url}.*make vllm"):
        ServedPolicy(url, encoding_of("path", 6))


def test_refuses_other_models_and_vocabularies(script):
    with scripted(script) as url:
        with pytest.raises(UsageError, match="serves first, second, not 'third'"):
            ServedPolicy(url, encoding_of("path", 6), model="third")
        for name, size in (("path", 8), ("cells", 6)):
            with pytest.raises(UsageError, match=rf"another vocabulary.*'{name}' with size {size}"):
                ServedPolicy(url, encoding_of(name, size))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (lambda prompts: [choice(0, prompts[0], ACTIONS[:3]) for _ in prompts], "without the log-probabilities"),
        (lambda prompts: [{"index": 0, "logprobs": None}], "without the log-probabilities"),
        (lambda prompts: [choice(0, prompts[0])], "gave 1 answers to 3 prompts"),
        (lambda prompts: [choice(9, prompts[0])], "without the log-probabilities"),
        (lambda prompts: "none", "without 'choices'"),
    ],
)
def test_refuses_unfit_answers(script, task, choices, message):
    script.choices = choices
    with scripted(script) as url, pytest.raises(SurroundingsError, match=message):
        ServedPolicy(url, encoding_of("path", 6)).logits(task.positions(3, 3).observations())


@pytest.mark.parametrize(("status", "error"), [(400, UsageError), (500, SurroundingsError)])
def test_says_why_the_server_refuses(script, task, status, error):
    script.status = status
    with scripted(script) as url, pytest.raises(error, match=f"HTTP {status}.*too long"):
        ServedPolicy(url, encoding_of("path", 6)).logits(task.positions(3, 3).observations())


def test_refuses_what_is_not_json(script):
    script.answer = lambda path, body: (200, b"<html>")
    with scripted(script) as url, pytest.raises(SurroundingsError, match="something else than JSON"):
        ServedPolicy(url, encoding_of("path", 6))


@pytest.mark.parametrize("heads", [2, 4, 8])
def test_wider_heads_change_nothing(task, heads):
    policy = create(SnakeTask(6), Shape(hidden=32, heads=heads, intermediate=48, layers=3), 2)
    wide = widened(policy)
    assert wide.model.config.head_dim == 32
    observations = task.positions(5, 60).observations()
    ids, mask = (torch.from_numpy(part).long() for part in policy.encode(observations))
    with torch.inference_mode():
        narrow, broad = (one.model.eval()(ids, attention_mask=mask).logits[:, -1].numpy() for one in (policy, wide))
    assert np.allclose(narrow, broad, atol=1e-5)
    assert np.allclose(narrow, LocalPolicy(wide).token_logits(observations), atol=1e-5)


def test_only_narrow_heads_are_widened(tmp_path):
    fits = create(SnakeTask(6), Shape(hidden=64, heads=2), 2)
    assert widened(fits) is fits
    save(fits, tmp_path / "fits")
    save(create(SnakeTask(6), TINY, 2), tmp_path / "narrow")
    assert servable(tmp_path / "fits", tmp_path / "room") == tmp_path / "fits"
    assert servable(tmp_path / "narrow", tmp_path / "room") == tmp_path / "room"
    assert load(tmp_path / "room").model.config.head_dim in WIDTHS
    with pytest.raises(UsageError, match="heads of 272"):
        widened(create(SnakeTask(6), Shape(hidden=272, heads=1), 2))


def test_names_the_ways_to_an_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SurroundingsError, match=rf"\.vllm/bin/python.*{VARIABLE}.*make vllm"):
        vllm_python()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(SurroundingsError, match=rf"{VARIABLE} names {tmp_path}/gone"):
        vllm_python()
    monkeypatch.setenv(VARIABLE, sys.executable)
    assert vllm_python() == Path(sys.executable)


def program(folder, lines):
    """A stand-in for vLLM's python that notes its process id and does something else."""
    path = folder / "python"
    path.write_text(
        f"#!{sys.executable}\nimport os, sys, time\nopen({str(folder / 'pid')!r}, 'w').write(str(os.getpid()))\n{lines}\n"
    )
    path.chmod(0o755)
    return path


def test_a_server_that_dies_says_what_it_said(untrained, tmp_path):
    python = program(tmp_path, "print('no such kernel', flush=True); sys.exit(7)")
    with (
        pytest.raises(SurroundingsError, match=r"(?s)exit code 7.*make vllm.*no such kernel"),
        vllm_server(untrained, python=python),
    ):
        pytest.fail("there is no server")


def test_a_server_that_never_answers_is_ended(untrained, tmp_path):
    python = program(tmp_path, "print(sys.argv, os.environ['OMP_NUM_THREADS'], flush=True); time.sleep(600)")
    begun = time.monotonic()
    with (
        pytest.raises(SurroundingsError, match=r"(?s)within 3 s.*api_server.*float32.* 2"),
        vllm_server(untrained, python=python, threads=2, deadline_s=3.0),
    ):
        pytest.fail("there is no server")
    assert time.monotonic() - begun < 60
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.fixture(scope="module")
def trained(task, tmp_path_factory):
    """A policy of the default shape, which has heads that vLLM has no kernel for, after seconds of training."""
    out = tmp_path_factory.mktemp("served") / "snake-gpt"
    fit_sft(task, SftConfig(steps=60, batch=128, positions=2000), 1, out)
    return out


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_vllm_plays_as_the_process_does(trained, task):
    observations, seeds = task.positions(11, 500).observations(), np.arange(24, dtype=np.uint64)
    local, encoding = LocalPolicy(trained), encoding_of("path", 6)
    expected = functional.log_softmax(torch.from_numpy(local.token_logits(observations)), dim=-1)[:, list(ACTIONS)].numpy()
    with vllm_server(trained) as url:
        served = ServedPolicy(url, encoding)
        assert served.model == trained.name
        found = served.logits(observations)
        scores = play(task, served, seeds).score
        with pytest.raises(UsageError, match="another vocabulary"):
            ServedPolicy(url, encoding_of("path", 8))
    assert np.allclose(found, expected, atol=1e-3)
    best = np.sort(expected, axis=1)
    clear = best[:, -1] - best[:, -2] > 1e-3
    assert clear.mean() > 0.98
    assert np.array_equal(found.argmax(axis=1)[clear], expected.argmax(axis=1)[clear])
    assert np.array_equal(scores, play(task, local, seeds).score)
    with pytest.raises(SurroundingsError, match="no vLLM server answers"):
        served.logits(observations)

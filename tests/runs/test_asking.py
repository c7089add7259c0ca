"""A role from outside cannot end, stall, fill or fool a run: whatever it does is an answer, or an error on record."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ouroloop.agents.chat import ChatReply
from ouroloop.agents.replies import accepted
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import ask as key_of
from ouroloop.ledger.steps.propose import tokens
from ouroloop.protocols.errors import ModelError, RoleError
from ouroloop.protocols.messages import PatchReply, RewardReply
from ouroloop.runs import asking
from ouroloop.runs.asking import Answered, Asked, ask, role_name
from tests.agents.fixtures import patch_request
from tests.runs.hostile_roles import ENDING, LOSING, STALLING, Patcher, returning

LONG = 60.0


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite", "create")


def put(ledger: Ledger, role: Any, timeout_s: float = LONG) -> Answered:
    question = Asked(key_of(0, "patch"), role, patch_request(count=2), timeout_s)
    first, again = ask(ledger, [question])[0], ask(ledger, [question])[0]
    assert (first.reply, first.error, first.lost) == (again.reply, again.error, again.lost)
    ledger.digest()
    return first


@pytest.mark.parametrize("what", ENDING)
def test_whatever_a_role_raises_or_returns_is_its_own_failure(what: str, ledger: Ledger) -> None:
    kind, says = ENDING[what]
    said = put(ledger, kind())
    assert said.reply is None
    assert said.error is not None
    assert said.lost
    assert len(said.error) <= 600
    assert re.search(says, said.error)


@pytest.mark.parametrize("what", STALLING)
def test_a_role_that_never_answers_is_left_behind(what: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "GRACE_S", 0.2)
    start = time.monotonic()
    said = put(ledger, STALLING[what](), 0.3)
    assert said.error == "role hostile gave no answer within 0.3 s; raise its timeout_s"
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("what", LOSING)
def test_what_is_too_much_or_malformed_is_lost_and_takes_nothing_along(what: str, ledger: Ledger) -> None:
    reply, kept, reason = LOSING[what]
    said = put(ledger, returning(reply)())
    assert said.error is None
    assert [one.text for one in said.reply.proposals] == kept
    assert len(said.lost) <= 64
    assert all(one.text is None or len(one.text) <= 4000 for one in said.lost)
    if reason:
        assert any(reason in one.reason for one in said.lost)


def test_a_good_role_beside_a_bad_one_is_heard(ledger: Ledger) -> None:
    bad, good = ENDING["SystemExit"][0](), Patcher()
    questions = [Asked(key_of(n, "patch"), role, patch_request(count=2), LONG) for n, role in enumerate((bad, good))]
    first, second = ask(ledger, questions)
    assert first.error is not None
    assert first.error.startswith("SystemExit: 0 (hostile_roles.py:")
    assert len(second.reply.proposals) == 1


def test_a_name_that_cannot_be_told_is_the_class_name() -> None:
    assert role_name(ENDING["a name that ends the process"][0]()) == "BadName"
    assert role_name(Patcher()) == "hostile"


class Scripted:
    """A chat backend that returns whatever it is given."""

    def __init__(self, reply: Any) -> None:
        self.reply = reply

    async def complete(self, messages: list[dict[str, str]], seed: int) -> Any:
        return self.reply


class Chatty(Patcher):
    """Asks its chat model, and proposes what it says."""

    def __init__(self, reply: Any) -> None:
        self.chat: Any = Scripted(reply)

    async def act(self, request: Any) -> Any:
        said = await self.chat.complete([{"role": "user", "content": "c" * 40}], 1)
        return {"proposals": [{"text": said.text, "rationale": ""}]}


@pytest.mark.parametrize("count", [-5, -(10**30), 10**30, float("nan"), float("inf"), True, "12", None, 3.5, [1]])
def test_token_counts_that_cannot_be_true_are_estimated_and_never_lower_the_spend(count: Any, ledger: Ledger) -> None:
    assert put(ledger, Chatty(ChatReply("t" * 80, count, count))).error is None
    assert tokens(ledger, "0/propose/patch").total == 40 / 4 + 80 / 4


def test_honest_token_counts_are_taken(ledger: Ledger) -> None:
    put(ledger, Chatty(ChatReply("t", 3, 4)))
    assert tokens(ledger, "0/propose/patch").total == 7


@pytest.mark.parametrize(
    ("reply", "says"),
    [(None, "without a text"), (ChatReply("x" * 300_000, 1, 1), "at most 200000"), ("text", "without a")],
)
def test_a_chat_model_that_returns_something_else_is_a_model_error(reply: Any, says: str, ledger: Ledger) -> None:
    said = put(ledger, Chatty(reply))
    assert says in (said.error or "")


def test_secrets_in_errors_are_not_recorded(ledger: Ledger) -> None:
    class Leaks(Patcher):
        def answer(self) -> Any:
            raise ValueError("cannot reach http://me:hunter2@host/v1?api_key=abcdef with sk-abcdefghijklmnopqrstu")

    said = put(ledger, Leaks())
    assert re.fullmatch(
        r"ValueError: cannot reach http://\*\*\*@host/v1\?api_key=\*\*\* with \*\*\* \(test_asking\.py:\d+\)", said.error or ""
    )


def fail_inside() -> Any:
    return json.loads("{")


def test_a_failing_role_is_told_by_the_innermost_line_of_its_own_code(ledger: Ledger) -> None:
    class Fails(Patcher):
        def answer(self) -> Any:
            return fail_inside()

    said = put(ledger, Fails()).error or ""
    line = fail_inside.__code__.co_firstlineno + 1
    assert said.startswith("JSONDecodeError: ")
    assert said.endswith(f" (test_asking.py:{line})")  # of the test's code, not of the json module's
    assert "\n" not in said


def test_the_line_is_kept_although_the_message_is_long_or_the_file_has_an_odd_name(ledger: Ledger) -> None:
    class Long(Patcher):
        def answer(self) -> Any:
            exec(compile("raise ValueError('x' * 5000)", "/tmp/a\x1b[2Jb\nc.py", "exec"), globals())

    said = put(ledger, Long()).error or ""
    assert said.endswith(r"(a\x1b[2Jb c.py:1)") or said.endswith(r"(a\x1b[2Jb\nc.py:1)")
    assert len(said) <= 300


def test_a_role_whose_module_has_no_name_fails_without_a_line(ledger: Ledger) -> None:
    class Odd(Patcher):
        def answer(self) -> Any:
            raise ValueError("so")

    Odd.__module__ = 7  # type: ignore[assignment]
    assert put(ledger, Odd()).error == "ValueError: so"


def raises_with_an_address() -> Any:
    raise KeyError(object())


def fails_with_an_address() -> Any:
    raise RoleError(f"{object()} is no patch", ((f"{object()} is no diff", None),))


def loses_with_an_address() -> Any:
    return {"proposals": [], "lost": [{"reason": f"{object()} is no diff: https://me:hunter2@host", "text": None}]}


@pytest.mark.parametrize(
    ("answer", "said", "gone", "kind"),
    [
        (raises_with_an_address, "KeyError: <object object at 0x…>", "KeyError: <object object at 0x…>", "KeyError"),
        (fails_with_an_address, "<object object at 0x…> is no patch", "<object object at 0x…> is no diff", "RoleError"),
        (loses_with_an_address, None, "<object object at 0x…> is no diff: https://***@host", None),
    ],
)
def test_addresses_are_not_recorded_and_the_kind_of_an_error_is(
    answer: Any, said: str | None, gone: str, kind: str | None, ledger: Ledger
) -> None:
    told = put(ledger, returning(answer)())
    plain = [re.sub(r" \(test_asking\.py:\d+\)$", "", text or "") for text in (told.error, *(one.reason for one in told.lost))]
    assert plain == [said or "", gone]
    step = ledger.step(key_of(0, "patch").text)
    assert step is not None
    assert (step.error or {}).get("data", {}).get("type") == kind


def test_an_address_at_the_end_of_what_is_kept_is_not_recorded(ledger: Ledger) -> None:
    class Long(Patcher):
        def answer(self) -> Any:
            raise ValueError(f"{'x' * 236} {object()}")

    assert "0x…" in (put(ledger, Long()).error or "")


def test_addresses_in_a_refusal_of_a_chat_model_are_not_recorded(ledger: Ledger) -> None:
    class Refuses:
        async def complete(self, messages: list[dict[str, str]], seed: int) -> Any:
            raise ModelError(f"{object()} refuses")

    class Asks(Chatty):
        def __init__(self) -> None:
            self.chat = Refuses()

    assert put(ledger, Asks()).error == "<object object at 0x…> refuses"
    (step,) = ledger.steps("*/chat/*")
    assert (step.error or {})["message"] == "<object object at 0x…> refuses"


SCRIPT = """
import json, sys
from pathlib import Path
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import ask as key_of
from ouroloop.runs.asking import Asked, ask
from ouroloop.sheltered import leave_process
from tests.agents.fixtures import patch_request
from tests.runs.hostile_roles import {role}
from ouroloop.runs import asking
asking.GRACE_S = 0.1
said = ask(Ledger(Path(sys.argv[1]), "create"), [Asked(key_of(0, "patch"), {role}(), patch_request(count=2), {timeout})])[0]
print(json.dumps(said.error))
leave_process(0)
"""


def run_script(role: str, timeout: float, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(role=role, timeout=timeout)
    call = [sys.executable, "-c", script, str(tmp_path / "ledger.sqlite")]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(call, capture_output=True, text=True, timeout=60, check=True, env=environment)


def test_what_a_role_prints_goes_to_stderr(tmp_path: Path) -> None:
    done = run_script("Prints", 60, tmp_path)
    assert json.loads(done.stdout) is None
    for where in ("Python", "the real stdout", "the descriptor", "a child", "a thread"):
        assert f"from {where}" in done.stderr


def test_a_thread_that_never_ends_does_not_keep_the_program(tmp_path: Path) -> None:
    done = run_script("Lingers", 0.2, tmp_path)
    assert "no answer within" in json.loads(done.stdout)


def test_a_proposal_behind_a_lost_one_keeps_its_place() -> None:
    reply = {"proposals": [{"spec": "x" * 300_000, "rationale": "too long"}, {"spec": "{}", "rationale": "fine"}]}
    taken = accepted("reward.design", reply, 2)
    assert isinstance(taken, RewardReply)
    assert [one.place for one in taken.proposals] == [1]
    first = {"proposals": [{"spec": "{}", "rationale": "fine"}]}
    assert accepted("reward.design", first, 1).proposals[0].place is None  # type: ignore[attr-defined]


def test_no_text_of_a_wish_is_unwritable() -> None:
    wish = {"objective": "a\ud800b", "constraints": ["c\ud800"]}
    taken = accepted("patch.propose", {"proposals": [{"text": "t", "rationale": "r", "wish": wish}]}, 1)
    assert isinstance(taken, PatchReply)
    assert "\ud800" not in taken.model_dump_json()
    assert len(taken.proposals) == 1

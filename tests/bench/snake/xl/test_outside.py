"""Programs outside that play, hang, crash, flood and lie."""

from __future__ import annotations

import shlex
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from ouroloop.bench.snake.xl.checking import verify
from ouroloop.bench.snake.xl.definition import Board
from ouroloop.bench.snake.xl.outside import MOST_ANSWER, Outside, PlayerFault, Question
from ouroloop.bench.snake.xl.players import player
from ouroloop.bench.snake.xl.playing import play
from ouroloop.bench.snake.xl.seats import Choice
from ouroloop.protocols.errors import UsageError
from tests.bench.snake.xl.conftest import Part

EXAMPLE = Path(__file__).parents[4] / "examples" / "outside_player.py"
PYTHON = [sys.executable, "-I", "-S", "-c"]
ASKED = Question("snake", {"size": 6}, ("up", "down", "left", "right"), [0, 4], [{"size": 6}, {"size": 6}])
TALK = "import sys,json,time,os\nfor line in sys.stdin:\n q=json.loads(line)\n "


def answers(body: str, *, timeout_s: float = 20.0) -> list[int]:
    with closing(Outside([*PYTHON, TALK + body], timeout_s)) as program:
        return program.act(ASKED)


def reply(result: str = "{'actions':[3,0]}", id: str = "q['id']") -> str:
    return f"print(json.dumps({{'jsonrpc':'2.0','id':{id},'result':{result}}}),flush=True)"


def test_the_example_plays_as_well_as_it_says(tmp_path: Path) -> None:
    command = f"stdio:{shlex.quote(sys.executable)} -I {shlex.quote(str(EXAMPLE))}"
    result = play(player(command, Choice(name="example")), tmp_path / "x.json", Part((Board(6, 0.0),), 4), lambda *_: None)
    verify(tmp_path / "x.json")
    assert result.overall.score is not None
    assert result.overall.score > 5
    assert result.player.kind == "outside"
    assert result.player.name == "example"


def test_an_answer_may_count_tokens() -> None:
    with closing(Outside([*PYTHON, TALK + reply("{'actions':[3,0],'tokens':7}")], 20.0)) as program:
        assert program.tokens is None
        assert program.act(ASKED) == program.act(ASKED) == [3, 0]
        assert program.tokens == 14


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(3)", "it ended with exit code 3"),
        ("raise RuntimeError('no \\x1b[31m snake')", r"exit code 1 \(RuntimeError: no \\x1b\[31m snake\)"),
        ("print('hello',flush=True)", "'hello' is no JSON"),
        ("print(json.dumps([1]),flush=True)", "expected .*, found \\[1\\]"),
        ('print(\'{"jsonrpc":"2.0","id":1,"id":1,"result":1}\',flush=True)', "a key appears twice"),
        (reply(id="7"), "the answer has id 7, the question has 1"),
        (reply(id="True"), "the answer has id True"),
        (reply(id="'1'"), "the answer has id '1'"),
        (reply("{'actions':[3]}"), "1 actions for 2 games"),
        (reply("{'actions':[3,4]}"), "game 4: action 4, expected 0 to 3"),
        (reply("{'actions':[-1,4]}"), "game 0: action -1, expected 0 to 3"),
        (reply("{'actions':[0,10**30]}"), "game 4: action 1000"),
        (reply("{'actions':[0,True]}"), r"actions\.1: "),
        (reply("{'actions':['up','up']}"), r"actions\.0: "),
        (reply("{'actions':[0,0],'tokens':-1}"), "tokens: "),
        (reply("{'moves':[0,0]}"), "actions: "),
        (reply("[]"), "the message: "),
        ("print(json.dumps({'jsonrpc':'2.0','id':1,'error':{'code':-32000,'message':'tired'}}),flush=True)", "-32000: tired"),
        ("os.write(1,b'x'*(1<<20))", f"an answer of more than {MOST_ANSWER} bytes"),
        ("os.write(1,b'x'*70000+b'\\n')", f"an answer of more than {MOST_ANSWER} bytes"),
        ("os.close(1);time.sleep(9)", "it closed its output"),
    ],
)
def test_a_wrong_answer_is_named_in_one_line(body: str, said: str) -> None:
    with pytest.raises(PlayerFault, match=said) as fault:
        answers(body)
    assert "question 1: " in str(fault.value)
    assert "\n" not in str(fault.value)
    assert len(str(fault.value)) < 500


def test_a_hang_ends_and_takes_its_children_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    body = f"child=os.fork()\n if child: open({str(pid)!r},'w').write(str(child))\n time.sleep(60)"
    begun = time.monotonic()
    with pytest.raises(PlayerFault, match="no answer within 2 s"):
        answers(body, timeout_s=2.0)
    assert time.monotonic() - begun < 20
    child = Path(f"/proc/{pid.read_text()}/stat")
    for _ in range(50):
        if not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail("the child of the player lives on")


def test_a_player_that_never_listens_is_bounded() -> None:
    wide = Question("snake", {}, ("up",), list(range(50)), [{"board": [0] * 4000} for _ in range(50)])
    with (
        closing(Outside([*PYTHON, "import os\nwhile True: os.write(1,b'y'*4096)"], 2.0)) as program,
        pytest.raises(PlayerFault, match=r"no answer within|more than"),
    ):
        program.act(wide)


def test_floods_of_stderr_are_not_kept() -> None:
    body = "os.write(2,b'z'*(1<<22)+b'\\nthe last line')\n sys.exit(5)"
    with pytest.raises(PlayerFault, match=r"exit code 5 \(the last line\)"):
        answers(body)


def test_a_program_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    for command in (["/nowhere/at/all"], [str(tmp_path)], ["\0"]):
        with pytest.raises(UsageError, match="cannot be started"):
            Outside(command, 1.0)


def test_no_descriptor_stays_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert answers(reply()) == [3, 0]
    assert len(list(Path("/proc/self/fd").iterdir())) <= before

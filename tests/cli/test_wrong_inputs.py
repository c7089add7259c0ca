"""Wrong inputs, as a table: the command, the exit code, and what the one line on stderr says.

`{dir}` is a folder of odd files, `{run}` a run that has not begun, `{recipe}` a recipe that could begin.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.ledger.sqlite import Ledger
from ouroloop.protocols.text import shell_word
from ouroloop.runs.recipe import identity, recipe_toml
from tests.runs.small_run import micro

RUN = "run {recipe} --run-dir {dir}/new --set"
WRONG = [
    ("nosuch", 2, "No such command 'nosuch'"),
    ("run", 2, "Missing argument 'RECIPE'"),
    ("run {recipe} --foo", 2, "No such option '--foo'"),
    ("run {dir}/none.toml", 2, "does not exist; the shipped recipes"),
    ("run {dir}/folder", 2, "cannot be read: Is a directory"),
    ("run {dir}/binary", 2, "it is not UTF-8 text (byte 128)"),
    ("run {dir}/latin.toml", 2, "it is not UTF-8 text"),
    ("run {dir}/broken.toml", 2, "is not TOML"),
    ("run {dir}/deep.toml", 2, "is not TOML"),
    ("run {dir}/bom.toml", 2, "board size 3 is not playable"),  # the mark itself is no fault
    ("run /dev/zero", 2, "recipe /dev/zero cannot be read: zero is no regular file"),
    (f"{RUN} foo", 2, "is not of the form key=value"),
    (f"{RUN} =3", 2, "is not of the form key=value"),
    (f"{RUN} nokey=1", 2, "unknown key nokey"),
    (f"{RUN} sft.stepz=1", 2, "did you mean sft.steps?"),
    (f"{RUN} task.sizee=3", 2, "did you mean task.size?"),
    (f"{RUN} sft=3", 2, "sft: Input should be a valid dictionary"),
    (f"{RUN} sft.steps.x=3", 2, "steps is a value, not a table"),
    (f"{RUN} task.size=true", 2, "task.size: expected a number, found the truth value true"),
    (f"{RUN} sft.steps=true", 2, "sft.steps: expected a number, found the truth value true"),
    (f"{RUN} grpo.limits.level=false", 2, "grpo.limits.level: expected a number, found the truth value false"),
    (f"{RUN} task.size='\"8\"'", 2, "task.size: expected a number, found the text '8'"),
    (f"{RUN} sft.learning_rate=nan", 2, "sft.learning_rate: expected a number, found nan"),
    (f"{RUN} budget.wall_s=inf", 2, "budget.wall_s: expected a number, found inf"),
    (f"{RUN} gate.alpha=-nan", 2, "gate.alpha: expected a number, found nan"),
    (f"{RUN} task.walls=nan", 2, "task.walls: expected a number, found nan"),
    (f"{RUN} gate.alpha=2", 2, "less than 1"),
    (f"{RUN} seed=-1", 2, "greater than or equal to 0"),
    (f"{RUN} seed=99999999999999999999999999", 2, "seed: Input should be less than"),
    (f"{RUN} task.size=99999999999999999999", 2, "is not playable"),
    (f"{RUN} task.size=1e99", 2, "task.size"),
    (f"{RUN} task.name=chess", 2, "no game 'chess'"),
    (f"{RUN} name=../x", 2, "name: String should match"),
    (f"{RUN} sandbox=none", 2, "'auto', 'docker' or 'wasm'"),
    (f"{RUN} budget.rounds=0", 2, "budget.rounds"),
    (f"{RUN} start.controller=nofile", 2, "start.controller: the file nofile does not exist"),
    (f"{RUN} start.controller={{dir}}/folder", 2, "start.controller: the file"),
    (f"{RUN} start.controller={{dir}}/words.py", 2, "is refused at layer text"),
    (f"{RUN} start.controller={{dir}}/imports.py", 2, "is refused at layer ast"),
    (f"{RUN} start.controller={{dir}}/binary", 2, "start.controller {dir}/binary cannot be read"),
    (f"{RUN} start.reward={{dir}}/reward.json", 2, "is not a reward spec: schema"),
    (f"{RUN} start.reward={{dir}}/empty", 2, "is not a reward spec: schema"),
    (f"{RUN} start.policy=nobody", 2, "no shipped policy"),
    (f"{RUN} sft.encoding=klingon", 2, "encoding 'klingon' is not known"),
    (f"{RUN} sft.teacher=guru", 2, "teacher 'guru' is not known"),
    (f"{RUN} grpo.continuation=guru", 2, "teacher 'guru' is not known"),
    (f"{RUN} sft.shape.heads=5", 2, "cannot be divided among 5 heads"),
    (f"{RUN} sft.base=nosuch/model", 3, "the model nosuch/model is not on this machine"),
    (f"{RUN} roles.critic.use=nobody", 2, "no role 'nobody'"),
    (f"{RUN} roles.nobody.use=x", 2, "unknown key roles.nobody"),
    (f"{RUN} roles.code_patcher.count=99", 2, "less than or equal to 64"),
    ("run {recipe} --run-dir {run}", 2, "exists already: continue it with `ouroloop resume"),
    ("run {recipe} --run-dir {dir}/empty", 2, "exists already"),
    ("show", 2, "Missing argument 'DIR'"),
    ("show {dir}/none", 2, "is not a run directory"),
    ("show {dir}/folder", 2, "is not a run directory"),
    ("show {dir}/empty", 2, "is not a run directory"),
    ("show {run} --round 0", 2, "has no rounds yet, asked for round 0"),
    ("show {run} --round x", 2, "'x' is not a valid integer"),
    ("show {run} --candidate r9", 2, "has no candidate 'r9'"),
    ("show {run} --candidate ''", 2, "has no candidate ''"),
    ("resume {dir}/folder", 2, "is not a run directory"),
    ("resume {run} --set sft.steps=3", 2, "only budget.* and approve can change"),
    ("resume {run} --set budget.foo=1", 2, "unknown key budget.foo"),
    ("resume {run} --set budget.rounds=true", 2, "budget.rounds: expected a number, found the truth value true"),
    ("list {dir}/empty", 2, "is no directory"),
    ("list {dir}/none", 2, "is no directory"),
    ("diff {run} start r9", 2, "has no candidate 'r9'"),
    ("diff {dir}/folder a b", 2, "is not a run directory"),
    ("rollback {dir}/folder x", 2, "is not a run directory"),
    ("eval", 2, "found neither of --policy and --teacher"),
    ("eval --policy nobody", 2, "no shipped policy"),
    ("eval --teacher guru", 2, "teacher 'guru'"),
    ("eval --teacher astar --games 0", 2, "0 is not in the range"),
    ("eval --teacher astar --seed -1", 2, "-1 is not in the range"),
    ("eval --teacher astar --seed 99999999999999999999", 2, "is not in the range"),
    ("eval --teacher astar --size 9999", 2, "board size 9999"),
    ("eval --teacher astar --walls nan", 2, "walls: expected a number, found nan"),
    ("watch --teacher astar --gif {dir}/empty/x.gif", 2, "--gif {dir}/empty/x.gif cannot be written"),
    ("watch --teacher astar --gif {dir}/folder", 2, "is a directory"),
    ("train sft", 2, "Missing option '--out'"),
    ("train sft --out {dir}/empty", 2, "exists already"),
    ("train sft --out {dir}/empty/x", 2, "--out {dir}/empty/x cannot be written"),
    ("train sft --out /proc/x/y", 2, "--out /proc/x/y cannot be written"),
    ("train sft --out {dir}/new --set sft.teacher=guru", 2, "teacher 'guru' is not known"),
    ("train grpo --out {dir}/new --start nobody", 2, "no shipped policy"),
    ("train data --out {dir}/empty/x", 2, "--out {dir}/empty/x cannot be written"),
    ("train data --out {dir}/folder", 2, "is a directory"),
    ("train data --out {dir}/new --size 3", 2, "board size 3"),
    ("train data --out {dir}/new --map {dir}/binary", 2, "it is not UTF-8 text"),
    ("train data --out {dir}/new --noise nan", 2, "noise"),
    ("train data --out {dir}/new --seed -3", 2, "-3 is not in the range"),
    ("screen {dir}/none", 2, "cannot be read: No such file"),
    ("screen {dir}/folder", 2, "cannot be read: Is a directory"),
    ("bench nosuch", 2, "'nosuch' is not one of"),
    ("bench engine --rounds 0", 2, "0 is not in the range"),
    ("bench engine --seconds nan", 2, "nan"),
    ("bench engine --out {dir}/empty", 2, "cannot be written"),
    ("bench engine --only x", 2, "which has none"),
    ("bench teachers --rounds 2", 2, "a fixed amount of work: leave out --rounds and --seconds"),
    ("bench policy --only ruin", 2, "no section 'ruin'"),
]
"""Command, code, and a part of the message."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the folder of odd files, the run and the recipe."""
    home = tmp_path_factory.mktemp("wrong inputs")
    (home / "folder").mkdir()
    (home / "empty").touch()
    (home / "binary").write_bytes(bytes(range(256)))
    (home / "latin.toml").write_bytes(b'name = "\xff"\n')
    (home / "broken.toml").write_text("a = \n")
    (home / "deep.toml").write_text(f"a = {'[' * 5000}")
    (home / "bom.toml").write_bytes(b"\xef\xbb\xbf[task]\nsize = 3\n")
    (home / "words.py").write_text("hello world (")
    (home / "imports.py").write_text("import os\n\n\ndef act(observation, logits):\n    return 0\n")
    (home / "reward.json").write_text('{"terms": 3}')
    (home / "recipe.toml").write_text(recipe_toml(micro()))
    run = home / "a run"
    run.mkdir()
    (run / "recipe.toml").write_text(recipe_toml(micro()))
    ledger = Ledger(run / "ledger.sqlite", "create")
    ledger.set_meta("status", "stopped")
    ledger.set_meta("recipe", identity(micro()))
    ledger.close()
    return {"dir": str(home), "run": str(run), "recipe": str(home / "recipe.toml")}


@pytest.mark.parametrize(("command", "code", "message"), WRONG, ids=[command for command, *_ in WRONG])
def test_a_wrong_input_is_one_line_and_the_right_code(
    command: str, code: int, message: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [word.format(**places) for word in shlex.split(command)]
    assert call(arguments) == code
    found = capsys.readouterr()
    lines = [
        line for line in found.err.splitlines() if not line.endswith(" since the command began")
    ]  # a slow machine gets progress, too
    assert len(lines) == 1
    assert lines[0].startswith("ouroloop: error: ")
    assert message.format(**places) in lines[0]
    assert not (Path(places["dir"]) / "new").exists()


def test_the_table_is_long_enough() -> None:
    assert len(WRONG) >= 60


def test_a_list_of_nothing_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["list"]) == 0
    assert call(["list", str(tmp_path)]) == 0
    assert " ".join(capsys.readouterr().out.split()).count("start one with `ouroloop run") == 2  # wherever lines break


def test_a_level_of_the_log_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OUROLOOP_LOG", "loud")
    assert call(["list"]) == 2
    assert "OUROLOOP_LOG=LOUD is no level" in capsys.readouterr().err


def test_parents_of_an_output_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a" / "b" / "data.arrow"
    assert call(["train", "data", "--teacher", "random", "--games", "4", "--least-steps", "1", "--out", str(out)]) == 0
    assert out.is_file()
    assert f"{out}" in capsys.readouterr().out


def test_the_next_command_can_be_pasted_although_the_path_has_spaces(
    places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["show", places["run"]]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"next: ouroloop resume {shell_word(places['run'])}"
    assert shlex.split(last)[-1] == places["run"]


def shell(line: str, places: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `$oo` is the command."""
    oo = f"{sys.executable} -m ouroloop.cli"
    settings = {**os.environ, "oo": oo, "run": places["run"], **environment}
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=settings, errors="replace", check=False)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ('$oo show "$run" >&-', 3, "stdout is closed"),
        ('$oo show "$run" > /dev/full', 3, "the output cannot be written (No space left on device)"),
        ('$oo show "$run" --json > /dev/full', 3, "the output cannot be written (No space left on device)"),
        ('$oo tasks | true; exit "${PIPESTATUS[0]}"', 141, ""),
        ('$oo show "$run" 2>&-', 0, ""),
        ('$oo show "$run" --foo 2> /dev/full', 2, ""),
    ],
)
def test_streams_that_are_closed_or_full(line: str, code: int, message: str, places: dict[str, str]) -> None:
    done = shell(line, places)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == bool(message)


def test_an_encoding_without_our_characters_is_no_error(places: dict[str, str]) -> None:
    done = shell('$oo show "$run"', places, PYTHONIOENCODING="latin-1", LC_ALL="C")
    assert done.returncode == 0
    assert "next: ouroloop resume" in done.stdout
    assert done.stderr == ""


def test_sigterm_ends_a_command_as_ctrl_c_does() -> None:
    code = (
        "import time; import ouroloop.cli.main as m; import click\n"
        "@m.cli.command()\ndef sleeps():\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "import sys; sys.argv[1:] = ['sleeps']; m.main()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "Traceback" not in err

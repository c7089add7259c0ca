"""The players that the command line names: teachers, policies, builds of runs, and programs outside.

| written | who plays |
|---|---|
| `best`, `teacher:best` | a teacher |
| `snake-gpt-6x6`, `policy:DIR` | a policy, shipped or in a directory |
| `run:DIR`, `run:DIR@CANDIDATE` | the build that plays now in a run, or the one that a candidate raced as |
| `chat:MODEL` | a chat model, named as in a recipe, see `chat` |
| `stdio:COMMAND` | a program that speaks JSON-RPC, see `outside` |
"""

from __future__ import annotations

import re
import shlex
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ouroloop.agents.chat import ChatConfig
from ouroloop.bench.snake.xl.results import Who
from ouroloop.bench.snake.xl.seats import Choice, Player, Program, Rated
from ouroloop.envs.snake.teachers.teach import TEACHERS
from ouroloop.inspect.run import Report
from ouroloop.ledger.store import Store, directory_hash
from ouroloop.policy.shipped import find_policy, shipped_policies
from ouroloop.protocols.canonical import sha256
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.secrets import secrets_in
from ouroloop.protocols.text import plain_line
from ouroloop.runs.recipe import read_text
from ouroloop.version import __version__

PROMPT_TOKEN: Final = "a token of the policy's vocabulary in the prompts that it reads"  # noqa: S105  (no password)
FORMS: Final = "a teacher, a policy, run:DIR, chat:MODEL, or stdio:COMMAND"


def player(text: str, choice: Choice) -> Player:
    """Return the player that a text names.

    Raises:
        UsageError: there is none of that name, or the options do not suit it.
        LedgerError: it is of a damaged run.
    """
    sort, _, rest = text.partition(":")
    if sort in ("teacher", "policy", "run", "chat", "stdio") and not rest.strip():
        raise UsageError(f"player {text!r} names nobody: write {sort}:{'COMMAND' if sort == 'stdio' else 'NAME'}")
    if sort in ("run", "chat", "stdio") and choice.controller is not None:
        raise UsageError(f"--controller goes with a policy or a teacher, found {plain_line(text, 80)!r}: leave it out")
    if sort == "stdio":
        return _outside(rest, choice)
    if sort == "chat":
        return _chat(rest, choice)
    if sort == "run":
        return _of_run(rest, choice)
    if sort == "teacher" or text in TEACHERS:
        return _teacher(rest if sort == "teacher" else text, choice)
    name = rest if sort == "policy" else text
    if sort != "policy" and name not in shipped_policies() and not Path(name).is_dir():
        raise UsageError(f"player {plain_line(text, 80)!r} is not known: expected {FORMS}")
    parts = {"policy": directory_hash(find_policy(name))} | _controller(choice)
    return Rated(Who(name=_name(Path(name).name, choice), kind="policy", parts=parts, token=PROMPT_TOKEN), choice, policy=name)


def file_of(who: Who) -> str:
    """Return the name of a player's result file."""
    return (re.sub(r"[^a-z0-9.]+", "-", who.name.lower()).strip("-.") or "player") + ".json"


def _name(own: str, choice: Choice) -> str:
    return plain_line(choice.name or own, 80)


def _controller(choice: Choice) -> dict[str, str]:
    return {} if choice.controller is None else {"controller": sha256(read_text(choice.controller, "controller"))}


def _teacher(name: str, choice: Choice) -> Player:
    if name not in TEACHERS:
        raise UsageError(f"teacher {plain_line(name, 80)!r} is not known: choose one of {', '.join(TEACHERS)}")
    parts = {"teacher": name, "package": __version__} | _controller(choice)
    return Rated(Who(name=_name(name, choice), kind="teacher", parts=parts), choice, teacher=name)


def _of_run(place: str, choice: Choice) -> Player:
    """Return a build of a run, whose parts are checked against their hashes."""
    folder, _, candidate = place.partition("@") if not Path(place).is_dir() else (place, "", "")
    with closing(Report(Path(folder))) as report:
        build = report.build_of(candidate) if candidate else report.build()
        perception = report.recipe.perception
    if build is None:
        said = f"candidate {candidate!r} did not race" if candidate else "it has not begun"
        raise UsageError(f"run {plain_line(folder, 80)} has no such build ({said}): `ouroloop show {folder}` lists what it has")
    if perception != "json":
        raise UsageError(f"run {plain_line(folder, 80)} sees pictures, and Snake-XL shows none: choose another run")
    store = Store(Path(folder) / "artifacts")
    policy, _ = store.directory(build.policy), store.text(build.controller)
    own = Path(folder).resolve().name + (f" {candidate}" if candidate else "")
    who = Who(
        name=_name(own, choice),
        kind="build",
        parts={"policy": build.policy, "controller": build.controller},
        token=PROMPT_TOKEN,
    )
    return Rated(who, replace(choice, controller=store.folder / build.controller), policy=str(policy))


def _chat(model: str, choice: Choice) -> Player:
    from ouroloop.bench.snake.xl.chat import Chatter

    settings = {"model": model, "base_url": choice.base_url, "timeout_s": choice.timeout_s, "temperature": 0.0}
    try:
        config = ChatConfig.model_validate(settings)
    except ValidationError as error:
        raise UsageError(f"chat model {plain_line(model, 80)!r}: {plain_line(one_line(error))}") from None
    parts = {"model": plain_line(model)} | ({} if choice.base_url is None else {"endpoint": plain_line(choice.base_url)})
    token = "a token of a question or an answer, as the endpoint counts"  # noqa: S105  (no password)
    return Chatter(Who(name=_name(model, choice), kind="chat", parts=parts, token=token), config)


def _outside(command: str, choice: Choice) -> Player:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"stdio:{plain_line(command, 80)} is no command ({error}): mend its quotes") from None
    if any(True for _ in secrets_in({"command": command})):
        raise UsageError("the command of an outside player holds a key, and result files tell it: use an environment variable")
    if len(command) > 300:
        raise UsageError(f"the command of an outside player has {len(command)} characters, at most 300 are kept: use a script")
    token = "what the player says that it used"  # noqa: S105  (no password)
    who = Who(name=_name(command, choice), kind="outside", parts={"command": plain_line(command)}, token=token)
    return Program(who, words, choice.timeout_s)

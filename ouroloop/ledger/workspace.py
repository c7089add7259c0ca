"""The run's git workspace: one editable file, and one commit per accepted candidate and per rollback.

Commits are reproducible: author, dates and messages follow from the steps, so equal runs have equal commit ids. The ledger
and the artifacts therefore say everything that the workspace holds. It is for people, and whenever a run is opened it is
made anew: git never reads a configuration, hook, filter, attribute or link of a directory that came from somewhere else.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ouroloop.ledger.faults import damaged, disk_full
from ouroloop.ledger.parts import look
from ouroloop.protocols.errors import LedgerError, SurroundingsError
from ouroloop.protocols.text import plain

FILES: Final = ("controller.py", "reward.json", "policy")
"""The incumbent as files: the controller, the reward spec, the policy's content hash."""
CONFLICTS: Final = 127
"""The most conflicts that `git merge-file` counts in its exit status; a greater one is an error."""
SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "commit.gpgSign=false",
    "gc.auto=0",
)
"""Settings of every call of git, over whatever the repository says; `gc.auto` would start a process in the background."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit to make: the three files' contents, its message, and the id that it must get.

    Args:
        controller: source of `controller.py`.
        reward: the spec as JSON text.
        policy: content hash of the weights.
        message: the commit's message.
        commit: the id that the ledger records.
    """

    controller: str
    reward: str
    policy: str
    message: str
    commit: str


class Workspace:
    """A git repository that nothing but this class writes to."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; `create` makes it."""
        self.folder = folder

    def create(self, controller: str, reward: str, policy: str) -> str:
        """Make the repository with the first incumbent; return the commit."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._git("init", "-q", "-b", "main", "--template=", "--object-format=sha1")
        return self.commit(controller, reward, policy, "Start", 0)

    def commit(self, controller: str, reward: str, policy: str, message: str, clock: int) -> str:
        """Write the three files and commit them; return the commit id, which is the old one if nothing changed.

        Args:
            controller: source of `controller.py`.
            reward: the spec as JSON text.
            policy: content hash of the weights.
            message: the commit's message; hidden characters are written as escapes.
            clock: a counter of the run, which becomes the commit's date.
        """
        for name, text in zip(FILES, (controller, reward + "\n", policy + "\n"), strict=True):
            (self.folder / name).write_text(text, encoding="utf-8")
        self._git("add", "--", *FILES)
        done = self._run("commit", "-q", "--no-verify", "--cleanup=whitespace", "-F", "-", clock=clock, given=plain(message))
        if done.returncode != 0 and self.changes():
            raise self._failed("commit", done)
        return self._git("rev-parse", "HEAD").strip()

    def merged(self, ours: str, base: str, theirs: str) -> str | None:
        """Return `ours` with the change from `base` to `theirs` merged in (three-way); None if they conflict.

        Raises:
            LedgerError: git cannot merge them, as it cannot merge binary data.
        """
        with tempfile.TemporaryDirectory() as scratch:
            paths = [Path(scratch) / name for name in ("ours", "base", "theirs")]
            for path, text in zip(paths, (ours, base, theirs), strict=True):
                path.write_bytes(text.encode())
            done = Workspace(Path(scratch))._run("merge-file", "-p", *map(str, paths))
        if done.returncode > CONFLICTS:
            raise self._failed("merge-file", done)
        return done.stdout if done.returncode == 0 else None

    def changes(self) -> list[str]:
        """Return the files that differ from the newest commit."""
        return self._git("status", "--porcelain").splitlines()

    def rebuild(self, revisions: Iterable[Revision]) -> None:
        """Make the repository anew from the run's record, and remove whatever lies in its place.

        Raises:
            LedgerError: a commit gets another id than its step records, or what lies there cannot be removed.
        """
        scratch = Path(tempfile.mkdtemp(prefix=".work-workspace-", dir=self.folder.parent))
        try:
            fresh = Workspace(scratch / "new")
            for clock, each in enumerate(revisions):
                parts = (each.controller, each.reward, each.policy)
                made = fresh.commit(*parts, each.message, clock) if clock else fresh.create(*parts)
                if made != each.commit:
                    raise damaged(
                        self.folder.parent,
                        f"change {clock} makes commit {made[:12]}, but commit {each.commit[:12]!a} is recorded, so the record "
                        "was changed, or another version of this program wrote it",
                    )
            if look(self.folder, "directory"):
                self.folder.rename(scratch / "old")
            if fresh.folder.exists():
                fresh.folder.rename(self.folder)
        finally:
            remove(scratch)

    def _git(self, *args: str) -> str:
        done = self._run(*args)
        if done.returncode != 0:
            raise self._failed(args[0], done)
        return done.stdout

    def _failed(self, command: str, done: subprocess.CompletedProcess[str]) -> SurroundingsError | LedgerError:
        """Return the error for a command that failed."""
        said = " ".join(done.stderr.split())[:200]
        if os.strerror(errno.ENOSPC) in said:
            return disk_full(self.folder)
        return LedgerError(f"git {command} failed in {self.folder}: {said}; `ouroloop resume` makes the workspace anew")

    def _run(self, *args: str, clock: int = 0, given: str = "") -> subprocess.CompletedProcess[str]:
        date = f"{1_700_000_000 + clock} +0000"
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self.folder.absolute().parent),
            **{f"GIT_{who}_NAME": "Ouroloop" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "run@ouroloop.invalid" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_DATE": date for who in ("AUTHOR", "COMMITTER")},
        }
        if not self.folder.is_dir():
            raise LedgerError(f"{self.folder} is missing: `ouroloop resume` makes it anew")
        git = shutil.which("git")  # by its full name: a relative PATH would be searched in the workspace
        if git is None:
            raise no_git()
        try:
            return subprocess.run(
                [str(Path(git).absolute()), *(word for setting in SETTINGS for word in ("-c", setting)), *args],
                cwd=self.folder,
                env=environment,
                input=given,
                capture_output=True,
                encoding="utf-8",
                check=False,
                timeout=60,
            )
        except subprocess.TimeoutExpired:
            raise SurroundingsError(f"git {args[0]} in {self.folder} took over a minute: is the disk stuck?") from None


def remove(folder: Path) -> None:
    """Remove a directory, of any depth and with any links in it; nothing outside it is touched.

    Raises:
        LedgerError: something in it cannot be removed.
    """
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise LedgerError(f"{folder} cannot be removed ({said}): remove it by hand") from None


def no_git() -> SurroundingsError:
    """Return the error for a machine without git."""
    return SurroundingsError("git is not installed; install it (Debian: `apt-get install git`)")

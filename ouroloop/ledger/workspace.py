"""The run's git workspace: one editable file, and one commit per accepted candidate and per rollback.

Commits are reproducible: author, dates and messages follow from the steps, so equal runs have equal commit ids.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ouroloop.ledger.sqlite import disk_full
from ouroloop.protocols.errors import LedgerError, SurroundingsError

FILES = ("controller.py", "reward.json", "policy")
"""The incumbent as files: the controller, the reward spec, the policy's content hash."""


class Workspace:
    """A git repository that nothing but this class writes to."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; `create` makes it."""
        self.folder = folder

    def create(self, controller: str, reward: str, policy: str) -> str:
        """Make the repository with the first incumbent, unless it exists; return the first commit."""
        if not (self.folder / ".git").is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._git("init", "-q", "-b", "main")
        if not self._has_commits():
            return self.commit(controller, reward, policy, "Start", 0)
        return self._git("rev-list", "--max-parents=0", "HEAD").strip()

    def commit(self, controller: str, reward: str, policy: str, subject: str, clock: int) -> str:
        """Write the three files and commit them; return the commit id, which is the same if this was done already.

        Args:
            controller: source of `controller.py`.
            reward: the spec as JSON text.
            policy: content hash of the weights.
            subject: the commit's message.
            clock: a counter of the run, which becomes the commit's date.
        """
        for name, text in zip(FILES, (controller, reward + "\n", policy + "\n"), strict=True):
            (self.folder / name).write_text(text, encoding="utf-8")
        self._git("add", "--", *FILES)
        done = self._run("commit", "-q", "--no-verify", "--no-gpg-sign", "-m", subject, clock=clock)
        if done.returncode != 0 and (not self._has_commits() or self.changes()):
            raise self._failed("commit", done)
        return self.head()

    def merged(self, ours: str, base: str, theirs: str) -> str | None:
        """Return `ours` with the change from `base` to `theirs` merged in (three-way); None if they conflict."""
        with tempfile.TemporaryDirectory() as scratch:
            paths = [Path(scratch) / name for name in ("ours", "base", "theirs")]
            for path, text in zip(paths, (ours, base, theirs), strict=True):
                path.write_bytes(text.encode())
            done = self._run("merge-file", "-p", "--quiet", *map(str, paths))
        return done.stdout if done.returncode == 0 else None

    def head(self) -> str:
        """Return the newest commit's id."""
        return self._git("rev-parse", "HEAD").strip()

    def read(self, name: str, commit: str = "HEAD") -> str:
        """Return a file as of a commit."""
        return self._git("show", f"{commit}:{name}")

    def diff(self, old: str, new: str) -> str:
        """Return the unified diff between two commits."""
        return self._git("diff", "--no-color", old, new)

    def changes(self) -> list[str]:
        """Return the files that differ from the newest commit."""
        return self._git("status", "--porcelain").splitlines()

    def recover(self, commit: str | None) -> None:
        """Undo what a killed process did after its last recorded step: go back to a commit, or to nothing for None."""
        if commit is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        for lock in (self.folder / ".git").rglob("*.lock"):  # its holder is gone, because this process has the run's own lock
            lock.unlink()
        self._git("reset", "-q", "--hard", commit)

    def _has_commits(self) -> bool:
        return self._run("rev-parse", "-q", "--verify", "HEAD").returncode == 0

    def _git(self, *args: str, clock: int = 0) -> str:
        done = self._run(*args, clock=clock)
        if done.returncode != 0:
            raise self._failed(args[0], done)
        return done.stdout

    def _failed(self, command: str, done: subprocess.CompletedProcess[str]) -> SurroundingsError | LedgerError:
        """Return the error for a command that failed."""
        said = " ".join(done.stderr.split())[:200]
        if os.strerror(errno.ENOSPC) in said:
            return disk_full(self.folder)
        return LedgerError(
            f"git {command} failed in {self.folder}: {said}; restore the workspace from a copy, or start a new run"
        )

    def _run(self, *args: str, clock: int = 0) -> subprocess.CompletedProcess[str]:
        date = f"{1_700_000_000 + clock} +0000"
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CEILING_DIRECTORIES": str(self.folder.parent),
            **{f"GIT_{who}_NAME": "Ouroloop" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "run@ouroloop.invalid" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_DATE": date for who in ("AUTHOR", "COMMITTER")},
        }
        if not self.folder.is_dir():
            raise LedgerError(f"{self.folder} is missing: restore it from a copy, or start a new run")
        try:
            return subprocess.run(
                ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", *args],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                encoding="utf-8",
                check=False,
                timeout=60,
            )
        except FileNotFoundError:
            raise no_git() from None
        except subprocess.TimeoutExpired:
            raise SurroundingsError(f"git {args[0]} in {self.folder} took over a minute: is the disk stuck?") from None


def no_git() -> SurroundingsError:
    """Return the error for a machine without git."""
    return SurroundingsError("git is not installed; install it (Debian: `apt-get install git`)")

"""Training in child processes: SFT, GRPO, and the readers and encoders of eyes. Each is a plain job; two run side by side.

Children are started once and kept, so each pays for the heavy imports only once. A child ends when its parent is gone.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.config import ReaderConfig
from ouroloop.perception.gemma.config import GemmaConfig
from ouroloop.perception.vae.config import VaeConfig
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.sft.config import SftConfig
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from ouroloop.protocols.records import RewardSpec
from ouroloop.runs.executors.children import deaf_children, settle_in
from ouroloop.runs.libraries import silence

if TYPE_CHECKING:
    from ouroloop.policy.grpo.rollout import TermedReward
    from ouroloop.protocols.ports import Task

Config: TypeAlias = SftConfig | GrpoConfig | ReaderConfig | ClipConfig | GemmaConfig | VaeConfig
Report = Callable[[str, float, str], None]
SHOWN = ("loss", "accuracy", "return_env")
"""The figures of a training step that fit the progress display."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training, as data that is sent to a child.

    Args:
        name: its name in the progress display.
        task: the game and its board.
        config: what to train, and how.
        seed: the seed of everything random in it.
        out: the path for the result, which appears whole or not at all.
        threads: CPU threads.
        start: the policy to start from (`grpo`), or that learns to see (`sft` with an eye).
        reward: the spec to train under (`grpo`).
        progress: (from, to), the share of the whole training that this stage covers, for the annealing schedule.
        eye: the folder of the eye that the new policy looks through (`sft`).
        fusion: how it reads latents (`sft`).
        salience: how the decisions of `salient` are explained, of which the reward may speak (`grpo`).
        salient: that policy; None if the reward may not.
    """

    name: str
    task: TaskSettings
    config: Config
    seed: int
    out: Path
    threads: int
    start: Path | None = None
    reward: RewardSpec | None = None
    progress: tuple[float, float] = (0.0, 1.0)
    eye: Path | None = None
    fusion: FusionConfig | None = None
    salience: str = ""
    salient: Path | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """The report of a training that has ended.

    Args:
        health: the figures of its monitors.
        alarms: the alarms that it raised, each as JSON.
        stopped: the alarm that ended it early, as one line; its result is then the last good weights.
    """

    health: dict[str, float]
    alarms: tuple[dict[str, Any], ...] = ()
    stopped: str | None = None


_reports: Any = None


def _begin(reports: Any, parent: int) -> None:
    """Set up a child."""
    global _reports
    _reports = reports
    settle_in(parent)
    silence()


def _run(job: Job) -> Trained:
    """Do a job in the child."""

    def report(step: str, fraction: float, metrics: dict[str, float] | None = None) -> None:
        figures = {k: metrics[k] for k in SHOWN if k in metrics} if metrics else {}
        _reports.put((job.name, fraction, " ".join([step, *(f"{k} {v:.3g}" for k, v in figures.items())])))

    try:
        return run_job(job, report)
    except (UsageError, SurroundingsError):  # not the candidate's fault: the policy's base model is gone, say
        raise
    except Exception as error:  # the boundary of the process: only errors that pickle well may cross it
        if "No space left" in str(error) or getattr(error, "errno", None) == errno.ENOSPC:
            raise SurroundingsError(f"no room left on the disk of {job.out.parent}: free some and resume the run") from None
        raise TrainingError(f"{job.name}: {type(error).__name__}: {error}"[:300]) from None


def run_job(job: Job, report: Callable[..., None]) -> Trained:
    """Do a job in this process."""
    task, config = make_task(job.task), job.config
    if not isinstance(config, SftConfig | GrpoConfig):
        from ouroloop.runs.executors.eyes import train_eye

        return Trained(train_eye(job.task, config, job.seed, job.out, report))
    from ouroloop.policy.snake_gpt import threads

    threads(job.threads)
    if isinstance(config, GrpoConfig):
        return _grpo(job, config, task, report)
    from ouroloop.policy.sft.fit import fit_sft

    found = fit_sft(task, config, job.seed, job.out, report, start=job.start, eye=job.eye, fusion=job.fusion)
    return Trained(dict(found.health))


def _grpo(job: Job, config: GrpoConfig, task: Task, report: Callable[..., None]) -> Trained:
    """Train a policy under a reward; a training in stages warms up only in its first stage."""
    from ouroloop.policy.grpo.fit import train_grpo
    from ouroloop.runs.executors.salience import rewarded

    assert job.start is not None
    assert job.reward is not None
    spec, (low, high) = job.reward, job.progress
    task = rewarded(task, job.salience, job.salient)
    config = config.under(spec.loss)
    if low > 0:
        config = config.model_copy(update={"warmup": 0.0})
    reward = termed(spec, list(task.features))
    found = train_grpo(
        task, job.start, reward, lambda p: spec.gamma_at(low + p * (high - low)), config, job.seed, job.out, report
    )
    return Trained(dict(found.health), tuple(asdict(alarm) for alarm in found.alarms), found.stopped)


def termed(spec: RewardSpec, features: list[str]) -> TermedReward:
    """Return a spec as a function of features, along with a function for each of its terms."""
    from ouroloop.policy.grpo.rollout import TermedReward
    from ouroloop.rewards.language import compile_spec

    parts = {term.name: spec.model_copy(update={"terms": (term,)}) for term in spec.terms}
    return TermedReward(compile_spec(spec, features), {name: compile_spec(part, features) for name, part in parts.items()})


class Trainers:
    """A few child processes that train. They are started on first use."""

    def __init__(self, workers: int) -> None:
        """Use at most this many processes."""
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._reports: Any = None

    def threads(self, cores: int) -> int:
        """Return a job's share of the cores. It is the same for a job that runs alone, so neighbours do not change results."""
        return max(1, cores // self.workers)

    def run(self, jobs: Iterable[Job], report: Report) -> Iterator[tuple[Job, Trained | TrainingError]]:
        """Do the jobs side by side; yield each as it ends, with its report or the error that ended it.

        If a process dies (out of memory, say), the work of its neighbours is lost too. The unfinished jobs are then done
        again one at a time, and only a job that dies alone has failed.
        """
        waiting = list(jobs)
        try:
            for done in self._side_by_side(waiting, report):
                waiting.remove(done[0])
                yield done
        except BrokenProcessPool:
            self.close()
            for job in waiting:
                yield self._alone(job, report)

    def _side_by_side(self, jobs: list[Job], report: Report) -> Iterator[tuple[Job, Trained | TrainingError]]:
        pool = self._started()
        with deaf_children():
            futures = {pool.submit(_run, job): job for job in jobs}
        while futures:
            ended = [f for f in futures if f.done()]
            for future in ended:
                yield futures.pop(future), self._outcome(future)
            self._drain(report, 0.0 if ended else 0.2)

    def _alone(self, job: Job, report: Report) -> tuple[Job, Trained | TrainingError]:
        try:
            return next(self._side_by_side([job], report))
        except BrokenProcessPool:
            self.close()
            return job, TrainingError("the training process died (out of memory?): use smaller batches in [grpo] or [sft]")

    def _outcome(self, future: Future[Trained]) -> Trained | TrainingError:
        try:
            return future.result()
        except TrainingError as error:
            return error

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._reports = context.Queue()
            self._pool = ProcessPoolExecutor(self.workers, context, _begin, (self._reports, os.getpid()))
        return self._pool

    def _drain(self, report: Report, wait_s: float) -> None:
        try:
            while True:
                report(*self._reports.get(timeout=wait_s) if wait_s else self._reports.get_nowait())
        except queue.Empty:
            return

    def close(self) -> None:
        """End the processes at once; safe to call twice."""
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        self._pool = None

"""Supervised fine-tuning of Snake-GPT on a teacher's moves, with DAgger rounds, on TRL's `SFTTrainer`.

The loss of a position is the cross entropy between the wanted probabilities of the moves and the model's next token, plus
-log P of the end of text after it; the prompt is masked. In a DAgger round (Ross et al. 2011, algorithm 3.1) the student plays,
the teacher says what it would have done in the student's positions, and these join the lessons.

A fixed number of steps, never a time limit, so that the same seed gives the same weights. Which positions a step trains on
follows from seed and step alone, so that a training that was cut off goes on from its last checkpoint to the same weights.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from datasets import Dataset
from pydantic import BaseModel, ConfigDict, Field
from torch.nn import functional
from transformers import TrainerCallback
from trl import SFTConfig as TrlConfig
from trl import SFTTrainer

from ouroboros.policy.data import Lessons, Teaching, join, lessons_of, load_lessons, teach
from ouroboros.policy.local import LocalPolicy
from ouroboros.policy.play import play
from ouroboros.policy.report import Progress, TrainingReport, silent
from ouroboros.policy.snake_gpt import Shape, SnakeGPT, create, load, quiet, save
from ouroboros.policy.tokenizer import build_tokenizer
from ouroboros.policy.training import Record, Workplace, plain_arguments, strip_console
from ouroboros.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.policy.language import LanguagePolicy
    from ouroboros.protocols.ports import Engine, Task

FIRST_DAGGER_GAME = 1 << 28
"""Games of DAgger rounds begin here in the `train` stream, beyond the teacher's own; each round has as many to itself."""
PARTS = 4
"""Parts of a batch that go through the model one after the other."""
CURVE_GAMES = 32
"""Games of a point of the learning curve, from the `search` stream."""


class SftConfig(BaseModel):
    """Knobs of `fit_sft`; the defaults suit a 6x6 board.

    `encoding` names one of `encodings.ENCODINGS`. `noise` is the share of other sensible moves among those that the teacher
    plays, `smoothing` the share of the target that they get; `equals` spreads the rest over all moves that the teacher holds
    to be equally good. After each of `dagger` equal parts of the steps but the last, `dagger_positions` of the student's own
    games join the lessons, in which the teacher makes `mixing` of the first round's moves, half as many in the next, and so on.
    `curve` is the number of points of the learning curve, `checkpoint` the steps between checkpoints; 0 for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str = "path"
    teacher: str = "cycle"
    steps: int = Field(default=600, ge=1)
    batch: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    schedule: Literal["cosine", "linear"] = "cosine"
    weight_decay: float = Field(default=0.01, ge=0)
    positions: int = Field(default=30_000, ge=1)
    noise: float = Field(default=0.02, ge=0, le=1)
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    equals: bool = True
    dagger: int = Field(default=1, ge=1, le=64)
    dagger_positions: int = Field(default=10_000, ge=1)
    mixing: float = Field(default=0.5, ge=0, le=1)
    curve: int = Field(default=0, ge=0, le=1000)
    checkpoint: int = Field(default=0, ge=0)
    shape: Shape = Shape()


def fit_sft(
    task: Task, config: SftConfig, seed: int, out: Path, progress: Progress = silent, *, start: Path | None = None
) -> TrainingReport:
    """Train a policy on a teacher's moves and write it to `out`.

    Args:
        task: the game.
        config: the knobs.
        seed: decides data, first weights and order.
        out: the policy directory to make; it appears whole or not at all. With checkpoints, a folder beside it keeps them
            until then, and a second call with the same arguments goes on from the last.
        progress: told after each step.
        start: a policy to train further, instead of a new one of `config.shape` and `config.encoding`.

    Raises:
        UsageError: no such teacher or encoding, or a board that the encoding does not cover.
        TrainingError: the loss is not finite.
    """
    begun = time.perf_counter()
    size = int(task.engine(np.zeros(1, dtype=np.uint64)).observations().constants["size"])
    if start is None:
        policy = create(size, task.name, config.shape, seed, config.encoding)
    else:
        policy = load(start, task=task.name, size=size)
    record = Record("sft", progress, {"accuracy": "mean_token_accuracy", "entropy": "entropy", "grad_norm": "grad_norm"})
    with Workplace(out, config.model_dump_json(), seed) as place, quiet():
        school = School(task, policy, config, seed, record)
        trainer = _trainer(policy, school, config, seed, place.folder)
        trainer.add_callback(school)
        trainer.add_callback(record)
        trainer.train(resume_from_checkpoint=place.last())
        save(policy, out)
        place.done()
    return record.report(time.perf_counter() - begun)


class School(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """The lessons of a training: the teacher's own games at first, the student's join round by round."""

    def __init__(self, task: Task, policy: SnakeGPT, config: SftConfig, seed: int, record: Record) -> None:
        """Make the first lessons."""
        self.task, self.config, self.seed, self.record = task, config, seed, record
        self.student = LocalPolicy(policy)
        self.teaching = Teaching(config.teacher, config.smoothing, config.equals)
        self.rounds = [teach(task, self.teaching, config.positions, seed, noise=config.noise)]
        self.lessons = self.rounds[0]

    def draw(self, slots: NDArray[np.int64]) -> Lessons:
        """Return the lessons that these rows of the training's data stand for."""
        rows = [int(np.random.default_rng([self.seed, int(slot)]).integers(len(self.lessons))) for slot in slots]
        return self.lessons.take(np.array(rows))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Hold a DAgger round, or take a point of the learning curve, where the step ends a part."""
        config, step = self.config, state.global_step
        if config.curve and step * config.curve // config.steps > (step - 1) * config.curve // config.steps:
            self.record.curve.append((step, self._score()))
        if step < config.steps and step * config.dagger // config.steps > (step - 1) * config.dagger // config.steps:
            self._dagger()

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the student's positions with the weights: they cannot be made again from later ones."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        for number, lessons in enumerate(self.rounds[1:], start=1):
            lessons.save(folder / f"lessons-{number}.npz")

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up the lessons of the checkpoint that the training goes on from."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        while (path := folder / f"lessons-{len(self.rounds)}.npz").is_file():
            self.rounds.append(load_lessons(path))
        self.lessons = join(self.rounds)

    def _dagger(self) -> None:
        """Add positions of the student's games."""
        number = len(self.rounds)
        share = self.config.mixing * 0.5 ** (number - 1)
        self.student.refresh()

        def play(engine: Engine, generator: np.random.Generator) -> NDArray[np.integer]:
            moves = self.student.logits(engine.observations()).argmax(axis=1)
            taught = self.task.teach(self.config.teacher, engine)
            return np.where(generator.random(len(moves)) < share, taught, moves)

        first = number * FIRST_DAGGER_GAME
        self.rounds.append(lessons_of(self.task, self.teaching, play, self.config.dagger_positions, self.seed, first=first))
        self.lessons = join(self.rounds)

    def _score(self) -> float:
        """Return the student's mean score on games that it does not learn from."""
        self.student.refresh()
        seeds = np.array(game_seeds(self.seed, "search", 0, CURVE_GAMES), dtype=np.uint64)
        return float(play(self.task, self.student, seeds).score.mean())


class LessonTrainer(SFTTrainer):  # type: ignore[misc]  # trl's classes are untyped
    """`SFTTrainer` whose rows are slots: a slot's position is drawn from the school when it is trained on."""

    school: School
    policy: LanguagePolicy

    def compute_loss(
        self, model: torch.nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean loss of a batch of slots; see the module."""
        lessons = self.school.draw(inputs["slot"].cpu().numpy())
        wanted = torch.from_numpy(lessons.targets).to(inputs["slot"].device)
        ids, mask = self.policy.encode(lessons.positions)
        loss, logits = lesson_loss(model, self.policy, ids, mask, wanted)
        metrics = self._metrics["train"]
        with torch.no_grad():
            logp = functional.log_softmax(logits, dim=-1)
            best = wanted.gather(1, logits[:, list(self.policy.actions)].argmax(dim=1, keepdim=True))[:, 0]
            metrics["mean_token_accuracy"].append(float((best >= wanted.amax(dim=1)).float().mean()))
            metrics["entropy"].append(float(-(logp.exp() * logp).sum(dim=-1).mean()))
        self._total_train_tokens += int(mask.sum()) + len(ids)
        return (loss, {"logits": logits}) if return_outputs else loss


def lesson_loss(
    model: torch.nn.Module, policy: LanguagePolicy, ids: NDArray[np.int32], mask: NDArray[np.bool_], wanted: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean loss of B lessons, and the logits after their prompts: (B, V).

    The rows go through the model in `PARTS` of like length, which spares a third of the work that padding would make.

    Args:
        model: the policy's model, as the trainer wraps it.
        policy: says which tokens are the actions and the end.
        ids: (B, L), padded on the left.
        mask: (B, L), true where a token stands.
        wanted: (B, A), the wanted probabilities of the actions.
    """
    actions, device = torch.tensor(policy.actions, device=wanted.device), wanted.device
    answer = actions[wanted.argmax(dim=1)][:, None]
    order = np.argsort(mask.sum(axis=1), kind="stable")
    outputs = []
    for rows in np.array_split(order, min(PARTS, len(order))):
        width = int(mask[rows].sum(axis=1).max())
        prompt, seen = (torch.from_numpy(part[rows, -width:]).long().to(device) for part in (ids, mask))
        inputs = {
            "input_ids": torch.cat([prompt, answer[rows]], dim=1),
            "attention_mask": functional.pad(seen, (0, 1), value=1),
        }
        outputs.append(model(**inputs, logits_to_keep=2, use_cache=False).logits.float())
    logits = torch.cat(outputs)[torch.from_numpy(np.argsort(order)).to(device)]
    move = -(wanted * functional.log_softmax(logits[:, 0], dim=-1)[:, actions]).sum(dim=1)
    end = functional.cross_entropy(logits[:, 1], torch.full_like(answer[:, 0], policy.end), reduction="none")
    return (move + end).mean(), logits[:, 0]


def _trainer(policy: SnakeGPT, school: School, config: SftConfig, seed: int, folder: Path) -> LessonTrainer:
    """Return the trainer of a policy."""
    trainer = LessonTrainer(
        model=policy.model,
        args=TrlConfig(
            output_dir=str(folder),
            max_steps=config.steps,
            per_device_train_batch_size=config.batch,
            learning_rate=config.learning_rate,
            lr_scheduler_type=config.schedule,
            warmup_steps=int(config.warmup * config.steps),
            optim="adamw_torch_fused",
            weight_decay=config.weight_decay,
            seed=seed % 2**32,
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            **plain_arguments(config.checkpoint),
        ),
        # One slot per row of every step: which positions they stand for is decided when they are trained on.
        train_dataset=Dataset.from_dict({"slot": range(config.steps * config.batch)}),
        processing_class=build_tokenizer(policy.encoding),
        data_collator=lambda rows: {"slot": torch.tensor([row["slot"] for row in rows])},
    )
    trainer.school, trainer.policy = school, policy
    strip_console(trainer)
    return trainer

"""Knowledge distillation: a student learns a teacher policy's probabilities and, optionally, its last hidden states.

The loss of a batch is `alpha T^2 KL(p_T || p_S) + (1 - alpha) CE + weight ||W h_S - h_T||^2 / D_T`. The first term (Hinton et
al. 2015, section 2.1) compares the two softmaxes at temperature T over the actions alone, since teacher and student may have
different vocabularies. CE is the loss of supervised fine-tuning on the moves of a named teacher of the game. The last term
(FitNets, Romero et al. 2015, equation 3, at the last layer) compares the states after the prompt, with a projector W that is
learned and thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from transformers import TrainerCallback

from ouroloop.policy.bases.player import BATCH_TOKENS, after_prompts, evaluation, plain_model, player_of
from ouroloop.policy.distill.stage import FIRST_GAME
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.sft.data import Lessons, Teaching, join, lessons_of, load_lessons
from ouroloop.policy.sft.trainer import LessonTrainer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.distill.stage import Stage
    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.policy.snake_gpt import SnakeGPT
    from ouroloop.protocols.ports import Engine, Task
    from ouroloop.protocols.records import Observations


@dataclass(frozen=True, slots=True)
class Blend:
    """The weights of the loss's terms.

    Args:
        temperature: T.
        alpha: share of the soft term; the hard term has the rest.
        feature: weight of the term of the states; 0 leaves it out.
    """

    temperature: float
    alpha: float
    feature: float


@dataclass(frozen=True, slots=True)
class Supply:
    """The positions to learn from.

    Args:
        expert: the game's own teacher, whose moves are the hard targets; moves that it holds to be equal share the target.
        positions: number from the teacher policy's games.
        noise: share of its moves that are drawn from its softened probabilities, so that positions vary.
        temperature: softens those probabilities.
        on_policy: share of the draws that come from the student's games, once there are any.
        rounds: equal parts of the steps; after each but the last, the student plays.
        round_positions: number from the student's games, each time.
        mixing: share of the moves in them that the teacher policy makes the first time, half as many the next, and so on.
    """

    expert: str
    positions: int
    noise: float
    temperature: float
    on_policy: float
    rounds: int
    round_positions: int
    mixing: float


class Guide:
    """The policy to imitate; it answers and is never trained.

    Args:
        policy: a policy of any architecture, encoding and vocabulary.
    """

    def __init__(self, policy: LanguagePolicy) -> None:
        """Keep the policy."""
        self.policy, self.player = policy, player_of(policy)
        self.width = int(policy.model.config.get_text_config().hidden_size)

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the action logits: (B, A) float32."""
        found: NDArray[np.float32] = self.player.logits(observations)
        return found

    def moves(
        self, observations: Observations, generator: np.random.Generator, share: float, temperature: float
    ) -> NDArray[np.int64]:
        """Return its moves, (B,) int64, a share of which is drawn from its softened probabilities."""
        logits = self.logits(observations)
        kept = generator.random(len(logits)) >= share
        # The largest of logits with Gumbel noise is a sample from their softmax.
        drawn: NDArray[np.int64] = (logits / temperature + generator.gumbel(size=logits.shape)).argmax(axis=1)
        drawn[kept] = logits[kept].argmax(axis=1)
        return drawn


def prompt_states(policy: LanguagePolicy, observations: Observations) -> NDArray[np.float32]:
    """Return the last hidden states after the prompts: (B, D) float32."""
    ids, mask = policy.encode(observations)
    step = max(1, BATCH_TOKENS // ids.shape[1])
    with evaluation(policy.model), read_by_head(policy.model) as states:
        for start in range(0, len(ids), step):
            after_prompts(policy.model, ids[start : start + step], mask[start : start + step])
    found: NDArray[np.float32] = torch.cat([part[:, -1].float().cpu() for part in states]).numpy()
    return found


@contextmanager
def read_by_head(model: Any) -> Iterator[list[torch.Tensor]]:
    """Yield a list of the inputs of a model's output layer, batch by batch: last hidden states, (B, positions, D) each."""
    states: list[torch.Tensor] = []
    head = plain_model(model).get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0]))
    try:
        yield states
    finally:
        handle.remove()


@dataclass(frozen=True, slots=True)
class Lectures:
    """N lessons with the teacher policy's answers.

    Args:
        lessons: positions and hard targets.
        logits: (N, A) float32, the teacher policy's.
        states: (N, D) float32, its last hidden states; D = 0 if they are not wanted.
        widths: (N,) int64, tokens of the student's prompts.
    """

    lessons: Lessons
    logits: NDArray[np.float32]
    states: NDArray[np.float32]
    widths: NDArray[np.int64]


def lecture(lessons: Lessons, guide: Guide, student: LanguagePolicy, *, states: bool) -> Lectures:
    """Ask the teacher policy about each lesson once, however often it will be drawn."""
    seen = lessons.positions
    answers = prompt_states(guide.policy, seen) if states else np.zeros((len(lessons), 0), dtype=np.float32)
    return Lectures(lessons, guide.logits(seen), answers, student.encode(seen)[1].sum(axis=1))


class Buffer(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """The positions of an imitation: first the teacher policy's own games; the student's join round by round."""

    def __init__(self, task: Task, guide: Guide, student: SnakeGPT, supply: Supply, stage: Stage, *, states: bool) -> None:
        """Let the teacher policy play the same games in all stages."""
        self.task, self.guide, self.supply, self.stage, self.states = task, guide, supply, stage, states
        self.student = LocalPolicy(student)
        self.teaching = Teaching(supply.expert, 0.0, equals=True)

        def play(engine: Engine, generator: np.random.Generator) -> NDArray[np.integer]:
            return guide.moves(engine.observations(), generator, supply.noise, supply.temperature)

        taught = lessons_of(task, self.teaching, play, supply.positions, stage.seed, first=FIRST_GAME)
        self.rounds = [lecture(taught, guide, student, states=states)]
        self.all = self.rounds[0]

    def draw(self, slots: NDArray[np.int64]) -> Lessons:
        """Return the lessons of slots, in the order of `rows`."""
        return self.all.lessons.take(self.rows(slots))

    def rows(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the positions of slots, short prompts first: (B,) int64."""
        draws, own = self.stage.draws(slots), len(self.rounds[0].lessons)
        total = len(self.all.lessons)
        # The low half of the number selects whose games, the high half which position of them.
        students = (draws % 2**32 < self.supply.on_policy * 2**32) & (total > own)
        place = draws >> np.uint64(32)
        rows = np.where(students, own + place % max(1, total - own), place % own).astype(np.int64)
        return rows[np.argsort(self.all.widths[rows], kind="stable")]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Let the student play when a step ends a part, if its positions are wanted."""
        step, steps, rounds = state.global_step, self.stage.steps, self.supply.rounds
        if self.supply.on_policy and step < steps and step * rounds // steps > (step - 1) * rounds // steps:
            self.student.refresh()
            self._add([self._visited()])

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save the student's positions with the weights, since later weights cannot reproduce them."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        for number, part in enumerate(self.rounds[1:], start=1):
            part.lessons.save(folder / f"lessons-{number}.npz")

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Load the student's positions from the checkpoint that the training resumes from."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        found = sorted(folder.glob("lessons-*.npz"), key=lambda path: int(path.stem.split("-")[1]))
        self._add([load_lessons(path) for path in found])

    def _visited(self) -> Lessons:
        """Return positions of the student's games."""
        number = len(self.rounds)
        share = self.supply.mixing * 0.5 ** (number - 1)

        def play(engine: Engine, generator: np.random.Generator) -> NDArray[np.integer]:
            seen = engine.observations()
            moves: NDArray[np.int64] = self.student.logits(seen).argmax(axis=1)
            helped = generator.random(len(seen)) < share
            if helped.any():
                moves[helped] = self.guide.logits(seen.take(np.flatnonzero(helped))).argmax(axis=1)
            return moves

        count, seed = self.supply.round_positions, self.stage.seed
        return lessons_of(self.task, self.teaching, play, count, seed, first=self.stage.games(number))

    def _add(self, parts: list[Lessons]) -> None:
        """Add lessons."""
        self.rounds += [lecture(part, self.guide, self.student.policy, states=self.states) for part in parts]
        self.all = Lectures(
            join([part.lessons for part in self.rounds]),
            *(np.concatenate([getattr(part, name) for part in self.rounds]) for name in ("logits", "states", "widths")),
        )


def soft_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return `T^2 KL(p_T || p_S)`, averaged over a batch; T^2 keeps the size of its gradient when T changes.

    Args:
        student: (B, A) logits.
        teacher: (B, A) logits.
        temperature: T.
    """
    soft, wanted = (functional.log_softmax(logits / temperature, dim=1) for logits in (student, teacher))
    return temperature**2 * functional.kl_div(soft, wanted, reduction="batchmean", log_target=True)


def feature_loss(own: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the mean over a batch of `||W h_S - h_T||^2 / D_T`: own W h_S and wanted h_T, (B, D_T) each."""
    return (own - wanted).square().sum(dim=1).mean() / wanted.shape[1]


@contextmanager
def projected(model: Any, width: int, seed: int) -> Iterator[None]:
    """Give a model a `projector` from its states to a width.

    Within the block, optimizer and checkpoints treat it as part of the model; afterwards it is gone.
    """
    projector = torch.nn.Linear(model.config.hidden_size, width, bias=False)
    torch.nn.init.orthogonal_(projector.weight, generator=torch.Generator().manual_seed(seed))
    model.add_module("projector", projector)
    try:
        yield
    finally:
        del model.projector


class DistillTrainer(LessonTrainer):
    """`LessonTrainer` that adds the teacher policy's terms to the loss of the hard moves."""

    school: Any
    blend: Blend

    def slot_loss(self, model: torch.nn.Module, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss and the logits after the prompts; see the module."""
        blend, buffer = self.blend, self.school
        with read_by_head(self.policy.model) as states:
            hard, logits = super().slot_loss(model, slots)
        rows = buffer.rows(slots.cpu().numpy())
        moves = logits[:, list(self.policy.actions)]
        wanted = torch.from_numpy(buffer.all.logits[rows]).to(moves.device)
        soft = soft_loss(moves, wanted, blend.temperature)
        loss = blend.alpha * soft + (1 - blend.alpha) * hard
        metrics = self._metrics["train"]
        if blend.feature:
            # The rows are sorted by length, so the parts into which `lesson_loss` splits them keep their order.
            own = self.policy.model.projector(torch.cat([part[:, 0] for part in states]).float())
            feature = feature_loss(own, torch.from_numpy(buffer.all.states[rows]).to(moves.device))
            loss = loss + blend.feature * feature
            metrics["feature"].append(float(feature))
        metrics["soft"].append(float(soft))
        metrics["agreement"].append(float((moves.argmax(dim=1) == wanted.argmax(dim=1)).float().mean()))
        return loss, logits

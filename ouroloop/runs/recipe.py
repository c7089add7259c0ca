"""The recipe: one TOML file that describes a run completely. `CLI > file > default`; an unknown key is an error.

The module is long because the models of all tables that belong to no other part stand beside the one that holds them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import tomli_w
from pydantic import BeforeValidator, Field, JsonValue, ValidationError, model_validator

from ouroloop.agents.roles import PROPOSERS
from ouroloop.agents.settings import Roles, Sharing
from ouroloop.envs.registry import UNOPENED, TaskSettings
from ouroloop.files import read_regular
from ouroloop.ledger.faults import damaged
from ouroloop.ledger.parts import RECIPE, read_file
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.config import CameraConfig, ReaderConfig
from ouroloop.perception.gemma.config import GemmaConfig
from ouroloop.perception.vae.config import VaeConfig
from ouroloop.policy.distill.config import DistillConfig
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.sft.config import SftConfig
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.records import KINDS, Frozen, Mode
from ouroloop.runs.keys import check_keys, check_numbers

Perception: TypeAlias = Annotated[
    Literal["json", "ascii", "vision-reader", "vision-latent", "clip", "gemma3"],
    BeforeValidator(lambda value: "vision-reader" if value == "vision" else value),
]
"""How a player perceives; `vision` is short for `vision-reader`."""
MAX_RECIPE: Final = 1 << 20
"""The most bytes of a recipe."""
MOST_BYTES: Final = 1 << 24
"""The most bytes of any other file that a user names as text."""
CHANGEABLE: Final = ("budget.", "approve=")
"""How the overrides begin that a run takes after it has begun."""
ABLATION: Final = "ablation"
"""The table of a recipe file that says what an ablation varies; no run has it."""


class StartSettings(Frozen):
    """The first incumbent: a policy, a controller and a reward.

    `policy` is one of: `sft`, trained by SFT; `random`, for games without teachers: a Snake-GPT of `sft.shape` and
    `sft.encoding` whose random weights follow from the run's seed; the name of a shipped policy; a policy directory.
    `library` is a run directory, or a folder of them, whose accepted rewards and patches are offered to the roles.
    """

    policy: str = "sft"
    controller: str | None = None
    reward: str | None = None
    library: str | None = None


class HalvingSettings(Frozen):
    """Successive halving of the reward candidates (Jamieson and Talwalkar 2016).

    A training has `stages` stages, each with the number of steps of `[grpo]`. After every stage but the last, one
    candidate in `eta` stays.
    """

    stages: int = Field(default=2, ge=1, le=6)
    eta: int = Field(default=3, ge=2, le=16)


class EyesSettings(Frozen):
    """The trained parts of a run that sees. What is not given is shipped with the package, or trained as the run begins.

    `reader` is a directory of a board reader, and `encoder` one of an encoder of latents (`train clip`, `gemma` or `vae`); a
    run keeps both in its own form. `"train"` has them trained even if one is shipped. `latents` says whose latents a policy
    gets with `perception = "vision-latent"`.
    """

    reader: str = ""
    encoder: str = ""
    latents: Literal["reader", "vae"] = "reader"


class SalienceSettings(Frozen):
    """With a `method`, rewards may speak of `toward_salient`: how much nearer a move came to what the start policy looks at."""

    method: Literal["", "rollout", "gradcam", "ig"] = ""


class GateSettings(Frozen):
    """The statistical gate.

    `alpha` is the run's error budget, and `spending` the rule by which tests spend it. A candidate plays at most `games`
    pairs, with `batch` pairs between two looks. `gain` is the smallest gain of utility worth having, and `beta` bounds the
    chance that the bets refute such a gain of a candidate that has it. With `last_look`, a candidate whose test ends without
    a decision is accepted if its e-value reaches the bar times a number that the run's seed draws from (0, 1]. `positions` is
    the size of the A* screen's bank. The watch plays the incumbent, the last `watch_span` accepted states before it, and
    both sides of one older change.
    """

    alpha: float = Field(default=0.05, gt=0, lt=1)
    spending: Literal["series", "e-lond"] = "series"
    games: int = Field(default=256, ge=8, le=1_000_000)
    batch: int = Field(default=8, ge=1, le=4096)
    gain: float = Field(default=0.03, gt=0, le=0.5)
    beta: float = Field(default=0.07, gt=0, lt=1)
    last_look: bool = False
    positions: int = Field(default=48, ge=16, le=65536)
    watch_games: int = Field(default=96, ge=8, le=100_000)
    watch_span: int = Field(default=3, ge=1, le=64)
    search_games: int = Field(default=48, ge=8, le=100_000)
    attribution_games: int = Field(default=256, ge=8, le=100_000)


class TalkSettings(Frozen):
    """How the roles talk: `wishes` bounds how many wishes of patchers for a reward beside their patch a round grants."""

    wishes: int = Field(default=1, ge=0, le=8)


class Budget(Frozen):
    """Limits that stop a run cleanly between rounds. A run can be resumed with higher limits. Zero means no limit.

    A run does not begin a round that would pass `tokens` or `cost_usd` if it used as much as the dearest round so far.
    """

    rounds: int = Field(default=4, ge=1, le=10_000)
    wall_s: float = Field(default=0, ge=0)
    games: int = Field(default=0, ge=0)
    tokens: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0, ge=0)


class Recipe(Frozen):
    """Everything about a run.

    A recipe without `seed` is the usual case: the run draws one of 63 bits as it begins, and keeps it in its `recipe.toml`.
    Whoever fixes the seed can repeat a run. A candidate whose author knew the seed can foretell the games.
    `approve` says which accepted candidates wait for the user's answer before they play.
    """

    name: str = Field(default="run", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    seed: int | None = Field(default=None, ge=0, lt=1 << 63)
    perception: Perception = "json"
    sandbox: Literal["auto", "docker", "wasm"] = "auto"
    sandbox_image: str = ""
    threads: int = Field(default=2, ge=1, le=256)
    mode: Literal["auto", Mode] = "auto"
    approve: Literal["none", "patch", "all"] = "none"
    task: TaskSettings = Field(default_factory=TaskSettings)
    start: StartSettings = StartSettings()
    sft: SftConfig = SftConfig()
    grpo: GrpoConfig = GrpoConfig()
    halving: HalvingSettings = HalvingSettings()
    distill: DistillConfig = DistillConfig()
    eyes: EyesSettings = EyesSettings()
    camera: CameraConfig = CameraConfig()
    reader: ReaderConfig = ReaderConfig()
    clip: ClipConfig = ClipConfig()
    gemma: GemmaConfig = GemmaConfig()
    vae: VaeConfig = VaeConfig()
    fusion: FusionConfig = FusionConfig()
    salience: SalienceSettings = SalienceSettings()
    roles: Roles = Roles()
    sharing: Sharing = Sharing()
    talk: TalkSettings = TalkSettings()
    gate: GateSettings = GateSettings()
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _asks_someone(self) -> Recipe:
        """Refuse a mode that asks only for candidates that nobody proposes."""
        kinds = () if self.mode == "auto" else KINDS[self.mode]
        if kinds and not any(one.count for kind in kinds for one in self.roles.proposers(kind).values()):
            slots = " and ".join(f"roles.{PROPOSERS[kind].name}.count" for kind in kinds)
            raise UsageError(f"mode {self.mode} asks nobody, since {slots} {'is' if len(kinds) == 1 else 'are'} 0")
        return self


def load_recipe(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read a recipe file and apply `key=value` overrides (dotted keys, TOML values; a bare word is a string).

    Raises:
        UsageError: the file is missing or not TOML, a key is unknown (the error names the nearest known one), or a value is
            bad.
    """
    tree = read_tables(path)
    if ABLATION in tree:
        raise UsageError(
            f"{path} says what an ablation varies ([{ABLATION}]): give it alone to `ouroloop ablate`, which makes its runs"
        )
    return build_recipe(tree, overrides, str(path))


def read_tables(path: Path) -> dict[str, object]:
    """Return the tables of a recipe file as they are. Raises UsageError if it is missing, or not TOML."""
    if not path.exists():
        raise UsageError(f"recipe {path} does not exist; the shipped recipes are in recipes/")
    try:
        return tomllib.loads(read_text(path, "recipe", MAX_RECIPE))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"recipe {path} is not TOML: {error}") from None


def read_recipe(folder: Path, overrides: tuple[str, ...] = (), *, unopened: bool = False) -> Recipe:
    """Return the recipe saved with a run; only its budget and who approves may be overridden.

    Args:
        folder: the run directory.
        overrides: `budget.key=value` or `approve=value` texts.
        unopened: import nothing that the recipe names; see `build_recipe`.

    Raises:
        UsageError: the folder is not a run directory, or another key is set.
        LedgerError: the saved recipe is damaged.
    """
    path = folder / RECIPE
    for override in overrides:
        if not override.startswith(CHANGEABLE):
            raise UsageError(
                f"--set {override}: once a run has begun, only budget.* and approve can change (the rest is part of its record)"
            )
    try:
        tables = tomllib.loads(read_file(path, MAX_RECIPE).decode())
        return build_recipe(tables, overrides, str(path), unopened=unopened)
    except FileNotFoundError:
        raise UsageError(f"{folder} is not a run directory: it holds no recipe.toml; `ouroloop list` shows the runs") from None
    except UsageError:
        raise
    except (ValueError, RecursionError) as error:  # of bytes that are no text, or of TOML
        raise damaged(path, error) from None


def read_text(path: Path, what: str, most: int = MOST_BYTES) -> str:
    """Return the text of a file that the user named, without a byte order mark.

    Args:
        path: the file, or a link to it.
        what: what errors call it.
        most: the most bytes that it may have.

    Raises:
        UsageError: it cannot be read, is no regular file, is not UTF-8, or is too large.
    """
    try:
        return read_regular(path, most).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{what} {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{what} {path} cannot be read: it is not UTF-8 text (byte {error.start})") from None


def build_recipe(
    tables: Mapping[str, object], overrides: tuple[str, ...] = (), source: str = "recipe", *, unopened: bool = False
) -> Recipe:
    """Check a parsed recipe after applying overrides; see `load_recipe`.

    Args:
        tables: the recipe's tables.
        overrides: `key=value` texts.
        source: what errors name.
        unopened: import nothing that the recipe names, so that its game's settings are not checked.
    """
    tree = deepcopy(dict(tables))
    for override in overrides:
        _assign(tree, override)
    check_keys(tree, Recipe, source)
    check_numbers(tree, Recipe, source)
    try:
        recipe = Recipe.model_validate(tree, context=UNOPENED if unopened else None)
    except ValidationError as error:
        said = error.errors()[0].get("ctx", {}).get("error")
        reason = str(said) if isinstance(said, UsageError) else _numbered(one_line(error), tree)  # `said` is whole already
        raise UsageError(f"{source}: {reason}") from None
    return recipe


def _numbered(reason: str, tree: Mapping[str, object]) -> str:
    """Return a reason without the place of a table that stands alone, and counted from 1 in a list."""
    roles = tree.get("roles")
    found = re.match(r"roles\.(\w+)\.(\d)", reason)
    if found is None or not isinstance(roles, Mapping):
        return reason
    place = f".{int(found[2]) + 1}" if isinstance(roles.get(found[1]), list | tuple) else ""
    return f"roles.{found[1]}{place}{reason[found.end() :]}"


def _assign(tree: dict[str, object], override: str) -> None:
    key, sep, text = override.partition("=")
    if not sep or not key:
        raise UsageError(f"--set {override!r} is not of the form key=value, e.g. --set task.size=8")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    except RecursionError:
        raise UsageError(f"--set {key}: the value is nested too deeply") from None
    *parents, leaf = key.strip().split(".")
    node = tree
    for parent in parents:
        inner = node.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {override!r}: {parent} is a value, not a table")
        node = inner
    node[leaf] = value


def recipe_toml(recipe: Recipe) -> str:
    """Return a recipe as TOML with every value spelled out, as it is saved with the run."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def decisive(recipe: Recipe, *, unset: bool = False) -> dict[str, JsonValue]:
    """Return everything that determines a run, as JSON: all settings but the budget, `approve` and `[distill]`.

    Args:
        recipe: the run's, opened or not.
        unset: keep the keys without a value, which a recipe that was read unopened may lack.
    """
    return recipe.model_dump(mode="json", exclude={"approve", "budget", "distill"}, exclude_none=not unset)


def identity(recipe: Recipe) -> str:
    """Return the hash of everything that determines a run."""
    return content_hash(decisive(recipe, unset=True))

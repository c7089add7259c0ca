"""The recipe: one TOML file says everything about a run. `CLI > file > default`; an unknown key is an error."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ouroloop.envs.registry import TaskSettings
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.records import Frozen

Perception = Literal["json", "vision"]


class StartSettings(Frozen):
    """What plays first: a policy trained by SFT (`sft`), a shipped one by its name, or a directory; a controller, a reward."""

    policy: str = "sft"
    controller: str | None = None
    reward: str | None = None


class SftSettings(Frozen):
    """Overrides of `policy.sft.SftConfig`, by name."""

    model_config = ConfigDict(extra="allow", frozen=True)


class GrpoSettings(Frozen):
    """Overrides of `policy.grpo.GrpoConfig`, by name, and the successive halving (Jamieson and Talwalkar 2016).

    After each of `stages` but the last, one in `eta` stays.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    stages: int = Field(default=2, ge=1, le=6)
    eta: int = Field(default=3, ge=2, le=16)


class DistillSettings(Frozen):
    """Overrides of `policy.distill.DistillConfig`, by name."""

    model_config = ConfigDict(extra="allow", frozen=True)


class ReaderSettings(Frozen):
    """Overrides of `perception.reader.ReaderConfig`, by name, and the pixel noise of the camera."""

    model_config = ConfigDict(extra="allow", frozen=True)
    noise: float = Field(default=0.0, ge=0, le=1)


class RoleSettings(Frozen):
    """Who answers one role.

    `use` names an entry point or an import path (`package.module:Class` or `path/to/file.py:Class`); `model` asks a
    chat model instead, e.g. `openai:NAME` with `base_url`. `count` is the number of proposals a round; `config` is the
    role's own.
    """

    use: str | None = None
    model: str | None = None
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    temperature: float = Field(default=0.7, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0)
    max_tokens: int = Field(default=2000, ge=16)
    usd_per_million_tokens: float = Field(default=0.0, ge=0)
    count: int = Field(default=3, ge=0, le=64)
    config: dict[str, Any] = Field(default_factory=dict)


class Roles(Frozen):
    """The three roles of DESIGN section 8."""

    critic: RoleSettings = RoleSettings(use="search-critic")
    reward_designer: RoleSettings = RoleSettings(use="search-designer", count=6)
    code_patcher: RoleSettings = RoleSettings(use="search-patcher", count=4)

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults(cls, tables: Any) -> Any:
        """Fill a table that sets some keys with that role's own defaults; a model takes the place of `use`."""
        if not isinstance(tables, dict):
            return tables
        filled = dict(tables)
        for name, table in tables.items():
            if name in cls.model_fields and isinstance(table, dict):
                default: RoleSettings = cls.model_fields[name].default
                filled[name] = {"count": default.count, **({} if table.get("model") else {"use": default.use}), **table}
        return filled


class GateSettings(Frozen):
    """The statistical gate.

    `alpha` is the run's budget of error, `spending` the rule by which tests spend it; `games` is the most pairs a candidate
    plays, `batch` the pairs between two looks; `gain` is the smallest gain of utility worth having, and `beta` bounds the
    chance that bets call a candidate with such a gain futile; `positions` is the bank of the A* screen; the last `watch_span`
    accepted states are watched beside the incumbent, and one older one.
    """

    alpha: float = Field(default=0.05, gt=0, lt=1)
    spending: Literal["series", "e-lond"] = "series"
    games: int = Field(default=256, ge=8, le=1_000_000)
    batch: int = Field(default=8, ge=1, le=4096)
    gain: float = Field(default=0.03, gt=0, le=0.5)
    beta: float = Field(default=0.07, gt=0, lt=1)
    positions: int = Field(default=48, ge=16, le=65536)
    watch_games: int = Field(default=48, ge=8, le=100_000)
    watch_span: int = Field(default=3, ge=1, le=64)
    search_games: int = Field(default=48, ge=8, le=100_000)
    attribution_games: int = Field(default=96, ge=8, le=100_000)


class Budget(Frozen):
    """What stops a run cleanly between rounds; it can be resumed with more. Zero means no bound."""

    rounds: int = Field(default=4, ge=1, le=10_000)
    wall_s: float = Field(default=0, ge=0)
    games: int = Field(default=0, ge=0)
    tokens: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0, ge=0)


class Recipe(Frozen):
    """Everything about a run."""

    name: str = Field(default="run", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    perception: Perception = "json"
    sandbox: Literal["auto", "docker", "wasm"] = "auto"
    sandbox_image: str = ""
    threads: int = Field(default=2, ge=1, le=256)
    task: TaskSettings = Field(default_factory=TaskSettings)
    start: StartSettings = StartSettings()
    sft: SftSettings = SftSettings()
    grpo: GrpoSettings = GrpoSettings()
    distill: DistillSettings = DistillSettings()
    reader: ReaderSettings = ReaderSettings()
    roles: Roles = Roles()
    gate: GateSettings = GateSettings()
    budget: Budget = Budget()


def load_recipe(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read a recipe file and apply `key=value` overrides (dotted keys, TOML values; a bare word is a string).

    Raises:
        UsageError: no such file, not TOML, an unknown key (the nearest known one is named), a bad value.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"recipe {path} does not exist; the shipped ones lie in recipes/") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"recipe {path} cannot be read: {error}") from None
    return build_recipe(tree, overrides, str(path))


def read_text(path: Path, what: str) -> str:
    """Return a text file that the user named; `what` it is goes into the error. Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{what} {path} cannot be read: {error}") from None


def build_recipe(tree: dict[str, Any], overrides: tuple[str, ...] = (), source: str = "recipe") -> Recipe:
    """Check a parsed recipe after applying overrides; see `load_recipe`."""
    for override in overrides:
        _assign(tree, override)
    _check_keys(tree, Recipe, "", source)
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        said = error.errors()[0].get("ctx", {}).get("error")
        reason = str(said) if isinstance(said, UsageError) else one_line(error)  # the first is the game's own
        raise UsageError(f"{source}: {reason}") from None
    return recipe


def _assign(tree: dict[str, Any], override: str) -> None:
    key, sep, text = override.partition("=")
    if not sep or not key:
        raise UsageError(f"--set {override!r} is not of the form key=value, e.g. --set task.size=8")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, leaf = key.strip().split(".")
    node = tree
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise UsageError(f"--set {override!r}: {parent} is a value, not a table")
    node[leaf] = value


def _check_keys(tree: dict[str, Any], model: type[BaseModel], where: str, source: str) -> None:
    """Refuse unknown keys with the nearest known one, level by level."""
    open_ended = model.model_config.get("extra") == "allow"
    for key, value in tree.items():
        if key not in model.model_fields:
            if open_ended:
                continue
            near = difflib.get_close_matches(key, _all_keys(model), 1, 0.4)
            hint = f"did you mean {where}{near[0]}?" if near else f"known keys: {', '.join(sorted(model.model_fields))}"
            raise UsageError(f"{source}: unknown key {where}{key}; {hint}")
        inner = model.model_fields[key].annotation
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, BaseModel):
            _check_keys(value, inner, f"{where}{key}.", source)


def _all_keys(model: type[BaseModel]) -> list[str]:
    """Return the keys of a table, and the dotted ones a level below."""
    keys = list(model.model_fields)
    for name, item in model.model_fields.items():
        inner = item.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += [f"{name}.{sub}" for sub in inner.model_fields]
    return keys


def recipe_toml(recipe: Recipe) -> str:
    """Return a recipe as TOML, every value spelled out: what is saved with the run."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def identity(recipe: Recipe) -> str:
    """Return the hash of all that makes a run what it is: everything but the budget."""
    return content_hash(recipe.model_dump(mode="json", exclude={"budget", "distill"}))

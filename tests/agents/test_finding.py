"""Roles are found, built, and refused in one line; the table of roles agrees with what is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ouroloop.agents.finding import build_role, find_role, survey
from ouroloop.agents.prompted.patcher import ChatPatcher
from ouroloop.agents.roles import PROPOSERS, ROLES, RoleSlot, slot_of
from ouroloop.agents.search.critic import SearchCritic
from ouroloop.agents.search.patcher import PatcherConfig
from ouroloop.agents.settings import Roles, RoleSettings
from ouroloop.cli.main import call
from ouroloop.protocols.config_keys import config_keys
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.messages import METHODS

EVERY = pytest.mark.parametrize("slot", ROLES, ids=lambda slot: slot.name)


def test_a_recipe_has_a_table_for_every_role_and_every_method_is_answered() -> None:
    assert list(Roles.model_fields) == [slot.name for slot in ROLES]
    assert {slot.method for slot in ROLES} == set(METHODS)
    assert set(PROPOSERS) == {"reward", "patch"}


@EVERY
def test_who_answers_by_default_is_installed_and_answers(slot: RoleSlot) -> None:
    named = [slot.use] if slot.chat is None else [slot.use, slot.chat]
    assert {find_role(where).method for where in named} == {slot.method}
    assert build_role(Roles().of(slot)[0], slot).name == slot.use


def test_a_table_that_sets_one_key_keeps_the_other_defaults_of_its_role() -> None:
    roles = Roles.model_validate({"code_patcher": {"timeout_s": 5}, "reward_designer": {"model": "openai:x"}})
    assert (roles.code_patcher[0].use, roles.code_patcher[0].count) == ("search-patcher", 4)
    assert (roles.reward_designer[0].use, roles.reward_designer[0].count) == (None, 6)


def test_a_model_takes_the_place_of_the_default() -> None:
    role = build_role(RoleSettings(model="openai:x", timeout_s=7, config={"retries": 2}), slot_of("code_patcher"))
    assert isinstance(role, ChatPatcher)
    assert (role.config.model, role.config.timeout_s, role.config.retries) == ("openai:x", 7, 2)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (RoleSettings(use="nobody"), "no role 'nobody': give an installed one"),
        (RoleSettings(use="search-patcher"), r"\[roles.critic\] needs one that answers critic.diagnose"),
        (RoleSettings(model="openai:x"), "no chat role answers critic.diagnose"),
        (RoleSettings(config={"mood": 1}), "config of role 'search-critic': mood"),
    ],
)
def test_what_cannot_answer_is_refused(settings: RoleSettings, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        build_role(settings, slot_of("critic"))


def test_a_role_lies_in_a_module_or_a_file(tmp_path: Path) -> None:
    assert find_role("ouroloop.agents.search.critic:SearchCritic") is SearchCritic
    (tmp_path / "mine.py").write_text("from ouroloop.agents.search.critic import SearchCritic as Mine")
    assert find_role(f"{tmp_path / 'mine.py'}:Mine") is SearchCritic


def test_a_role_file_that_raises_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("raise RuntimeError('not today')")
    with pytest.raises(UsageError, match="not today"):
        find_role(f"{tmp_path / 'bad.py'}:Role")
    (tmp_path / "empty.py").write_text("class Role: pass")
    with pytest.raises(UsageError, match="has no name, method"):
        find_role(f"{tmp_path / 'empty.py'}:Role")


@pytest.mark.parametrize(
    ("slot", "config", "says"),
    [
        ("code_patcher", {"bould": 0.5}, "bould: unknown key; did you mean bold\\? known keys: attempts, bold, max_filters"),
        ("code_patcher", {"zzz": 1}, "zzz: unknown key; known keys: attempts, bold"),
        ("code_patcher", {"bold": 7}, "bold: Input should be less than or equal to 1, found 7"),
        ("critic", {"bold": 1}, "bold: unknown key; .*`ouroloop roles search-critic` shows them all"),
    ],
)
def test_an_error_in_a_config_names_the_valid_keys(slot: str, config: dict, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        build_role(Roles.model_validate({slot: {"config": config}}).of(slot_of(slot))[0], slot_of(slot))


def test_a_role_shows_its_keys_with_types_defaults_and_meanings(capsys: pytest.CaptureFixture[str]) -> None:
    keys = {key.key: key for key in config_keys(PatcherConfig)}
    assert list(keys) == list(PatcherConfig.model_fields)
    assert (keys["bold"].type, keys["bold"].default) == ("float, >= 0, <= 1", 0.5)
    assert all(key.doc for role in survey() if role.role for key in config_keys(role.role.Config))
    assert call(["roles", "search-patcher"]) == 0
    assert "config.bold (float, >= 0, <= 1; default 0.5): share of proposals" in capsys.readouterr().out
    assert call(["roles", "chat-patcher", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["method"], told["config"][0]["key"], told["config"][0]["required"]) == ("patch.propose", "model", True)
    assert call(["roles", "search-pacher"]) == 2

"""Passwords and keys are found where they do not belong, and taken out of what is recorded."""

from __future__ import annotations

import pytest

from ouroloop.agents.chat import ChatConfig
from ouroloop.agents.finding import build_role
from ouroloop.agents.roles import slot_of
from ouroloop.agents.settings import RoleSettings
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.secrets import redacted, secrets_in
from ouroloop.runs.recipe import build_recipe

HELD = [
    {"base_url": "http://user:hunter2@host/v1"},
    {"base_url": "http://hunter2@host:8000/v1"},
    {"base_url": "https://host/v1?api_key=hunter2"},
    {"base_url": "https://host/v1?x=1&access_token=hunter2"},
    {"base_url": "https://host/v1?subscription-key=hunter2&apiKey=hunter2"},
    {"api_key_env": "sk-hunter2hunter2hunter2"},
    {"api_key_env": "hf_hunter2hunter2hunter2hunter2"},
    {"config": {"api_key": "hunter2"}},
    {"config": {"apiKey": "hunter2"}},
    {"config": {"password": "hunter2"}},
    {"config": {"headers": {"Authorization": "Bearer hunter2hunter2hunter2"}}},
    {"config": {"headers": [{"X-Api-Key": "hunter2"}]}},
    {"config": {"extra": ["postgres://me:hunter2@db/x"]}},
    {"config": {"note": "use sk-hunter2hunter2hunter2 here"}},
    {"config": {"openai_api_key": "hunter2"}},
    {"config": {"client_secret": "hunter2"}},
]
FINE = [
    {"base_url": "http://127.0.0.1:8000/v1"},
    {"base_url": "https://host/v1?version=2&model=a@b"},
    {"api_key_env": "MY_KEY"},
    {"max_tokens": 100},
    {"config": {"tokens": "many", "keys": "a,b", "sort_key": "score", "end_token": "<eos>", "api_key_env": "MY_KEY"}},
    {"config": {"api_key": ""}},
]


@pytest.mark.parametrize("table", HELD)
def test_a_secret_in_a_recipe_is_refused_without_being_quoted(table: dict) -> None:
    with pytest.raises(UsageError) as error:
        build_recipe({"roles": {"code_patcher": {"model": "openai:x", **table}}})
    said = str(error.value)
    assert "hunter2" not in said
    assert "roles.code_patcher." in said
    assert "environment variable" in said


@pytest.mark.parametrize("table", FINE)
def test_what_is_no_secret_passes(table: dict) -> None:
    assert list(secrets_in(table)) == []


def test_a_config_is_held_to_it_even_without_a_recipe() -> None:
    with pytest.raises(ValueError, match="environment variable"):
        ChatConfig(model="openai:x", base_url="http://u:hunter2@host/v1")
    settings = RoleSettings(model="openai:x", config={"base_url": "http://u:hunter2@host/v1"})
    with pytest.raises(UsageError, match="environment variable") as error:
        build_role(settings, slot_of("code_patcher"))
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET http://u:p@h/v1 failed", "GET http://***@h/v1 failed"),
        ("https://h/?api_key=abc&x=1", "https://h/?api_key=***&x=1"),
        ("key sk-abcdefghijklmnop1234 is wrong", "key *** is wrong"),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer ***"),
        ("nothing to see in task-list or sk-1", "nothing to see in task-list or sk-1"),
    ],
)
def test_secrets_are_taken_out_of_texts(text: str, clean: str) -> None:
    assert redacted(text) == clean

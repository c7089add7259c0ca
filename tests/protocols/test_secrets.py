"""Passwords and keys are found where they do not belong, and taken out of what is recorded."""

from __future__ import annotations

import pytest

from ouroloop.agents.chat import ChatConfig
from ouroloop.agents.finding import build_role
from ouroloop.agents.roles import slot_of
from ouroloop.agents.settings import RoleSettings
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.secrets import redacted, redacted_line, secrets_in, without_keys
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
        ("wrong key: gsk_abcdefghijklmnop1234.", "wrong key: ***."),
        ("wrong key: xai-abcdefghijklmnop1234", "wrong key: ***"),
        ("wrong key: r8_abcdefghijklmnop1234", "wrong key: ***"),
        ("nothing to see in task-list or sk-1", "nothing to see in task-list or sk-1"),
    ],
)
def test_secrets_are_taken_out_of_texts(text: str, clean: str) -> None:
    assert redacted(text) == clean


@pytest.mark.parametrize("name", ["MISTRAL_API_KEY", "HF_TOKEN", "OTHER_KEY", "my_api_key"])
def test_the_values_of_variables_that_hold_keys_are_taken_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    monkeypatch.setenv(name, f"{key}\n")
    monkeypatch.setenv("LONGER_KEY", f"{key}-and-more")
    assert redacted(f"key {key} is wrong") == "key *** is wrong"
    assert without_keys(f"key {key}-and-more is wrong") == "key *** is wrong"
    monkeypatch.setenv(name, "lm-studio")
    assert redacted("lm-studio is up") == "lm-studio is up"


@pytest.mark.parametrize("named", [(), ("9f8e7d6c5b4a39281706f5e4d3c2b1a0",)])
def test_code_keeps_what_only_looks_like_a_login(named: tuple[str, ...]) -> None:
    text = "# a basic food-seeking-strategy, see http://me:x@host/?key=1 and task-list"
    assert without_keys(text, *named) == text
    assert without_keys(f"{text} {''.join(named)}", *named) == f"{text} {'***' if named else ''}"


@pytest.mark.parametrize("room", range(20, 60))
def test_a_line_is_cut_after_its_keys_have_gone(room: int) -> None:
    line = redacted_line("x" * 20 + " sk-abcdefghijklmnop1234" * 200, room)
    assert len(line) <= room
    assert "sk-" not in line

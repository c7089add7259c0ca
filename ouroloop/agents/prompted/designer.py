"""The reward designer that asks a chat model (after Eureka, Ma et al. 2023)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from ouroloop.agents.chat import Chat, ChatConfig, ChatReply, LangChainChat, Message
from ouroloop.agents.known import usable_rewards
from ouroloop.agents.prompted.asking import Question, ask_all
from ouroloop.agents.prompted.hints import example_spec, terms
from ouroloop.agents.prompted.prompting import conversation, diagnosis_text, history_text, known_text, repairing
from ouroloop.agents.prompted.reading import read
from ouroloop.agents.prompted.specs import drawn_specs, one_spec
from ouroloop.agents.replies import built, lost
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import Lost, RewardProposal, RewardReply, RewardRequest
from ouroloop.protocols.records import RewardSpec
from ouroloop.protocols.text import plain_line

TERMS: Final = 6
"""The most terms that a constrained reply has; more are allowed, but small models then write on until they are cut off."""


PATCH: Final = 2000
"""The most characters of a patch that are shown."""
SPACE: Final = (
    "Write one space of rewards from which {count} are drawn: each `weight`, and `gamma_r`, is a range [LOW, HIGH] in place of "
    "a number. The space leaves out the reward in use and all that were tried."
)
NO_RANGES: Final = "a space was asked for, but the reply has no ranges: it is taken as one reward, and {missing} are missing"
"""The note on a reply that should be a space, and is not one."""
WEIGHTS: Final = ("weight", "gamma_r")
"""The keys that are ranges in a space."""
ADJUSTS: Final = (
    "This mode may change the training's loss as well, with a key `loss` beside `gamma_r`: "
    '{"beta": B, "entropy": E}. `beta` in 0.001..0.2 holds the policy near the one it began with (usually 0.02), `entropy` in '
    "0..0.02 keeps it exploring (usually 0).\n\n"
)
"""What the prompt adds in mode `reward_patch`."""


def schema(*, loss: bool = False, space: bool = False) -> dict[str, Any]:
    """Return the form of a spec, for servers that constrain what a model writes.

    Every key but the loss is required, since models leave out what has a default.

    Args:
        loss: whether the spec may change the loss.
        space: whether weights and `gamma_r` are ranges.
    """
    found: dict[str, Any] = RewardSpec.model_json_schema()
    parts = found["$defs"]
    found["properties"]["terms"].update(minItems=1, maxItems=TERMS)
    if loss:
        ranges = {"beta": (0.001, 0.2), "entropy": (0, 0.02)}  # those that `ADJUSTS` names
        limited = {name: {"type": "number", "minimum": low, "maximum": high} for name, (low, high) in ranges.items()}
        parts["Loss"]["properties"] = limited
    else:
        del parts["Loss"], found["properties"]["loss"]
    if space:
        limits = {"weight": (-10, 10), "gamma_r": (0, 1)}
        for name, form in (("weight", parts["RewardTerm"]), ("gamma_r", found)):
            number = {"type": "number", "minimum": limits[name][0], "maximum": limits[name][1]}
            form["properties"][name] = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    for form in (parts["RewardTerm"], *([parts["Loss"]] if loss else []), found):
        form["required"] = [name for name in form["properties"] if name != "loss"]
    return found


class DesignerConfig(ChatConfig):
    """The model, and how it is asked.

    Args:
        space: in mode `meta_learn`, ask for one space of rewards, and draw all proposals from it.
    """

    space: bool = False


class ChatDesigner:
    """Answers `reward.design` with one model call per candidate, or with one for a space of them.

    `chat` is the backend; a wrapper may replace it to record or replay.
    """

    name = "chat-designer"
    method: ClassVar[str] = "reward.design"
    Config: ClassVar[type[DesignerConfig]] = DesignerConfig
    Request: ClassVar[type[RewardRequest]] = RewardRequest
    Reply: ClassVar[type[RewardReply]] = RewardReply

    def __init__(self, config: ChatConfig) -> None:
        """Keep the config; `act` contacts the model."""
        self.config = config
        self.space = isinstance(config, DesignerConfig) and config.space
        self.chat: Chat = LangChainChat(config)

    async def act(self, request: RewardRequest) -> RewardReply:
        """Return the specs that the model wrote; a reply without one goes to the screen with the reason.

        Raises:
            ModelError: no call was answered.
        """
        space = self.space and request.mode == "meta_learn" and not request.refused and not request.wishes
        asked = [question(request, index, space=space) for index in range(1 if space else request.count)]
        answers = await ask_all(self.chat, asked)
        why = plain_line(f"{request.mode}: written by {self.config.model}")
        made: list[RewardProposal | Lost] = []
        for place, reply in enumerate(answers):
            if isinstance(reply, ModelError):
                made.append(lost(str(reply)))
                continue
            specs = self._read(reply, request, space=space)
            made += [
                built(RewardProposal, spec=spec, rationale=why, fault=wrong, place=at)
                for at, (spec, wrong) in enumerate(specs, place)
            ]
        proposals = tuple(one for one in made if isinstance(one, RewardProposal))
        single = space and request.count > len(proposals) == 1 and proposals[0].fault is None
        note = NO_RANGES.format(missing=request.count - 1) if single else ""
        return RewardReply(proposals=proposals, lost=tuple(one for one in made if isinstance(one, Lost)), note=note)

    def _read(self, reply: ChatReply, request: RewardRequest, *, space: bool) -> list[tuple[str, str | None]]:
        """Return the specs of a reply, each with what is wrong with it."""
        text, fault = read(reply, self.config.max_tokens)
        if fault is not None:
            return [(text, fault)]
        return drawn_specs(text, request.count, request.seed) if space else [one_spec(text)]


def question(request: RewardRequest, index: int, *, space: bool = False) -> Question:
    """Return the question for one candidate, or for a space of all of them."""
    form = schema(loss=request.mode == "reward_patch", space=space)
    return Question(lambda brief: prompt(request, index, brief=brief, space=space), request.seed + index, form)


def prompt(request: RewardRequest, index: int, *, brief: bool = False, space: bool = False) -> list[Message]:
    """Return the messages of one call: for a new candidate, a repair, a patcher's wish, or a space of candidates.

    A brief one has no history, no code and no lost game.
    """
    tried = () if brief else request.tried
    could = terms(request.features, request.diagnosis.findings, index)
    known = [(entry, spec.model_dump_json()) for entry, spec in usable_rewards(request)[:2]]
    values = {
        "task": request.task,
        "mode": request.mode,
        "features": "\n".join(f"- {name}: {doc}" for name, doc in request.features.items()),
        "example": _form(example_spec(request.features, index).model_dump(mode="json"), space=space),
        "diagnosis": diagnosis_text(request.diagnosis, games=0 if brief else 1),
        "incumbent": request.incumbent.model_dump_json(),
        "loss": ADJUSTS if request.mode == "reward_patch" else "",
        "controller": "" if brief else _controller_text(request),
        "history": history_text(tried, rewards=True) + known_text([] if brief else known),
        "wanted": _wanted(request, index, space=space),
        "idea": "".join(f"\n{_form(one.model_dump(mode='json'), space=space)}" for one in could),
    }
    asked = conversation("designer", values)
    return repairing(asked, request.refused[index]) if index < len(request.refused) else asked


def _form(part: Mapping[str, JsonValue], *, space: bool) -> str:
    """Return a spec or a term as JSON; of a space, its weights are ranges."""
    return json.dumps(_ranged(part) if space else part)


def _ranged(part: Any) -> Any:
    if isinstance(part, list):
        return [_ranged(one) for one in part]
    if not isinstance(part, Mapping):
        return part
    return {name: sorted((value / 2, value * 2)) if name in WEIGHTS else _ranged(value) for name, value in part.items()}


def _controller_text(request: RewardRequest) -> str:
    """Return the code that the policy plays with, and what was patched of it last."""
    if not request.controller:
        return ""
    shown = f"The controller that turns the policy's ratings into moves:\n```python\n{request.controller.rstrip()}\n```\n"
    last = [one for one in request.patched if one.diff][-1:]
    return shown + "".join(f"Its last patch, of round {one.round}:\n{(one.diff or '')[:PATCH]}\n" for one in last) + "\n"


def _wanted(request: RewardRequest, index: int, *, space: bool) -> str:
    """Return what the reply should be."""
    if space:
        return SPACE.format(count=request.count)
    if index < len(request.wishes):
        wished = request.wishes[index]
        kept = "".join(f"\n- {one}" for one in wished.wish.constraints)
        return (
            f"A code patcher wants a reward that goes with its patch, for this objective: {wished.wish.objective}\n"
            f"{f'Constraints:{kept}' if kept else ''}\nThe patch:\n{wished.diff[:PATCH]}\nWrite that reward."
        )
    variant = f"Write variant {index + 1} of {request.count}"
    return f"{variant}: a reward that differs from the one in use and from all that were tried."

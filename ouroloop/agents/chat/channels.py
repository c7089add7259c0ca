"""The part of a reply that is meant to be read: without thoughts, drafts and marks of the chat template.

Models think in blocks (`<think>`, `[THINK]`), or on a channel of their own (the harmony format of gpt-oss). A draft in there
is no answer. A thought that was never closed takes the rest of the reply with it.
"""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = r"think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis"
_BLOCK: Final = re.compile(rf"<({_NAMES})>.*?</\1>|\[THINK\].*?\[/THINK\]", re.DOTALL | re.IGNORECASE)
_OPEN: Final = re.compile(rf"^[ \t]*(?:<(?:{_NAMES})>|\[THINK\])", re.MULTILINE | re.IGNORECASE)
_CLOSE: Final = re.compile(rf"^.*(?:</(?:{_NAMES})>|\[/THINK\])", re.DOTALL | re.IGNORECASE)
"""The end of a thought whose begin the chat template put into the prompt."""
_FINAL: Final = re.compile(r"<\|channel\|>\s*final\b[^<]*<\|message\|>")
_CHANNEL: Final = re.compile(r"<\|(?:channel|message|start)\|>")
_BARE_FINAL: Final = re.compile(r"\A\s*analysis(?=\S).*assistantfinal", re.DOTALL)
"""The harmony format after a server has dropped its special tokens."""
_END: Final = re.compile(
    r"<\|(?:return|end|im_end|eot_id|eot|endoftext|end_of_text|call|end_of_turn)\|>|<end_of_turn>|<\uff5cend\u2581of\u2581sentence\uff5c>"
    r"|(?:</s>|\[/?INST\])\s*\Z"
)


def answer(text: str) -> str:
    """Return a reply's answer; empty if the reply holds nothing but thoughts."""
    if found := list(_FINAL.finditer(text)):
        text = text[found[-1].end() :]
    elif _CHANNEL.search(text):
        return ""
    elif bare := _BARE_FINAL.match(text):
        text = text[bare.end() :]
    else:
        text = _BLOCK.sub("", text)
        text = _CLOSE.sub("", text)
        if opened := _OPEN.search(text):
            text = text[: opened.start()]
    if ended := _END.search(text):
        text = text[: ended.start()]
    return text.lstrip("\r\n")

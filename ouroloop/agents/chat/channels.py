"""The part of a reply that is meant to be read: without thoughts, drafts and marks of the chat template.

Models think in blocks (`<think>`, `[THINK]`), or on a channel of their own (the harmony format of gpt-oss). A draft in there
is no answer. A thought that was never closed takes the rest of the reply with it. A mark inside a closed fence, or right
after a quote, is code or a mention: one without its other half means nothing there.
"""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = r"think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis|seed:think"
_L, _R = "[<\u25c1]", "[>\u25b7]"
"""The brackets of a mark; those of Kimi are triangles."""
_BLOCK: Final = re.compile(rf"{_L}({_NAMES}){_R}.*?{_L}/\1{_R}|\[THINK\].*?\[/THINK\]", re.DOTALL | re.IGNORECASE)
_OPEN: Final = re.compile(rf"""(?<![`'"])(?:{_L}(?:{_NAMES}){_R}|\[THINK\])""", re.IGNORECASE)
_CLOSE: Final = re.compile(rf"""(?<![`'"])(?:{_L}/(?:{_NAMES}){_R}|\[/THINK\])""", re.IGNORECASE)
"""The end of a thought whose begin the chat template put into the prompt."""
_FENCE: Final = re.compile(r"^(`{3,})[^`\n]*\n(?:(?!\1).*\n)*?\1[ \t]*$", re.MULTILINE)
"""A block of code that is closed before another one begins."""
_FINAL: Final = re.compile(r"<\|channel\|>\s*final\b[^<]*<\|message\|>")
_CHANNEL: Final = re.compile(r"<\|(?:channel|message|start)\|>")
_BARE_FINAL: Final = re.compile(r"\A\s*analysis(?=\S).*assistantfinal", re.DOTALL)
"""The harmony format after a server has dropped its special tokens."""
_BARE_THOUGHT: Final = re.compile(r"\A\s*analysis(?=[^\W_])")
"""The same, cut off in its thoughts; `analysis shows` and `analysis_of` are words of an answer."""
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
    elif _BARE_THOUGHT.match(text):
        return ""
    else:
        text = _BLOCK.sub("", text)
        if closed := _outside_code(_CLOSE, text):
            text = text[closed[-1].end() :]
        if opened := _outside_code(_OPEN, text):
            text = text[: opened[0].start()]
    if ended := _END.search(text):
        text = text[: ended.start()]
    return text.lstrip("\r\n")


def _outside_code(mark: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Return where a mark stands outside of fenced code."""
    fences = [found.span() for found in _FENCE.finditer(text)]
    return [found for found in mark.finditer(text) if not any(begin <= found.start() < end for begin, end in fences)]

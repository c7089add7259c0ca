"""The part of a reply that is meant to be read: without thoughts, drafts and marks of the chat template.

Models think in blocks (`<think>`, `[THINK]`), or on a channel of their own (the harmony format of gpt-oss). A draft in there
is no answer. A thought that was never closed takes the rest of the reply with it. A mark inside a closed fence, or right
after a quote, is code or a mention: one without its other half means nothing there.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from typing import Final

_NAMES: Final = r"think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis|seed:think"
_L, _R = "[<\u25c1]", "[>\u25b7]"
"""The brackets of a mark; those of Kimi are triangles."""
_MARK: Final = re.compile(rf"{_L}(/?)({_NAMES}){_R}|\[(/?)THINK\]", re.IGNORECASE)
_OPEN: Final = re.compile(rf"""(?<![`'"])(?:{_L}(?:{_NAMES}){_R}|\[THINK\])""", re.IGNORECASE)
_CLOSE: Final = re.compile(rf"""(?<![`'"])(?:{_L}/(?:{_NAMES}){_R}|\[/THINK\])""", re.IGNORECASE)
"""The end of a thought whose begin the chat template put into the prompt."""
_FENCE: Final = re.compile(r"^(`{3,})[^`\n]*\n(?:(?!\1).*\n)*?\1[ \t]*$", re.MULTILINE)
"""A block of code that is closed before another one begins."""
_FINAL: Final = re.compile(r"<\|channel\|>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL: Final = re.compile(r"<\|(?:channel|message|start)\|>")
_NEXT: Final = re.compile(r"<\|(?:end|return)\|>\s*<\|start\|>\s*assistant\s*\Z")
"""The begin of a further message, after a server has dropped the marks before this one."""
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
    text = _NEXT.sub("", text)
    if found := list(_FINAL.finditer(text)):
        text = text[found[-1].end() :]
    elif _CHANNEL.search(text):
        return ""
    elif bare := _BARE_FINAL.match(text):
        text = text[bare.end() :]
    elif _BARE_THOUGHT.match(text):
        return ""
    else:
        text = _without_blocks(text)
        if closed := list(_CLOSE.finditer(_without_code(text))):
            text = text[closed[-1].end() :]
        if opened := _OPEN.search(_without_code(text)):
            text = text[: opened.start()]
    if ended := _END.search(text):
        text = text[: ended.start()]
    return text.lstrip("\r\n")


def _without_blocks(text: str) -> str:
    """Return a text without its closed thoughts.

    It is read once from mark to mark: a model that is stuck writes the same mark ten thousand times.
    """
    opened, closed = list[tuple[str, int]](), defaultdict[str, deque[int]](deque)
    for mark in _MARK.finditer(text):
        name = (mark[2] or "[").lower()
        if mark[1] or mark[3]:
            closed[name].append(mark.end())
        else:
            opened.append((name, mark.start()))
    kept, at = list[str](), 0
    for name, begin in opened:
        ends = closed[name]
        while ends and ends[0] <= begin:
            ends.popleft()
        if begin >= at and ends:
            kept.append(text[at:begin])
            at = ends[0]
    return "".join([*kept, text[at:]])


def _without_code(text: str) -> str:
    """Return a text with blanks in place of its fenced code, so that all else stands where it stood."""
    return _FENCE.sub(lambda fence: " " * len(fence[0]), text)

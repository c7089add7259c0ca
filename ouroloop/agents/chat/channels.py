"""The part of a reply that is meant to be read: without thoughts, drafts and marks of the chat template.

Models think in blocks (`<think>`, `[THINK]`, `<|channel>thought`), or on a channel of their own (the harmony format of
gpt-oss). A draft in there is no answer. A thought that was never closed takes the rest of the reply with it. A mark inside a
closed fence, or right after a quote, is code or a mention: one without its other half means nothing there.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from typing import Final

from ouroloop.protocols.text import next_at_least

_NAMES: Final = ("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "analysis", "seed:think")
_L, _R = "[<\u25c1]", "[>\u25b7]"
"""The brackets of a mark; those of Kimi are triangles."""
_PAIRS: Final = (
    *((rf"{_L}{name}(?: [\w-]+=[^<>\n]{{0,80}})?{_R}", rf"{_L}/{name}{_R}") for name in _NAMES),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"<\|channel>(?:thought\b)?", r"<channel\|>"),
    (r"<unused94>(?:thought\b)?", r"<unused95>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    *((rf"<\|(?:begin_of|start)_{name}\|>", rf"<\|end(?:_of)?_{name}\|>") for name in ("thought", "thinking")),
)
"""What begins and ends a thought; Magistral, Gemma, MedGemma, Apertus, OpenThinker and Command A have marks of their own."""
_AT: Final = r"(?=[<\u25c1\[])"
_BEGIN: Final = "|".join(begin for begin, _ in _PAIRS)
_ENDS: Final = "|".join(end for _, end in _PAIRS)
_SHOWN: Final = r"<\|(?:(?:begin|end)_of_(?:solution|box)|(?:start|end)_response)\|>"
"""What stands around an answer."""
_MARK: Final = re.compile(
    _AT + f"(?:{'|'.join(f'(?P<b{k}>{begin})|(?P<e{k}>{end})' for k, (begin, end) in enumerate(_PAIRS))})", re.IGNORECASE
)
_OPEN: Final = re.compile(rf"{_AT}(?<![`'\"])(?:{_BEGIN})", re.IGNORECASE)
_CLOSE: Final = re.compile(rf"{_AT}(?<![`'\"])(?:{_ENDS})", re.IGNORECASE)
"""The end of a thought whose begin the chat template put into the prompt."""
_AROUND: Final = re.compile(rf"(?<![`'\"]){_SHOWN}", re.IGNORECASE)
_GLUED: Final = re.compile(rf"```(?={_AT}(?:{_BEGIN}|{_ENDS}|{_SHOWN}))|{_AT}(?:{_ENDS}|{_SHOWN})(?=```|~~~)", re.IGNORECASE)
"""A mark and a fence in one line; a fence has a line of its own."""
_FINAL: Final = re.compile(r"<\|channel\|>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL: Final = re.compile(r"<\|(?:channel|message|start)\|>")
_NEXT: Final = re.compile(r"<\|(?:end|return)\|>\s*<\|start\|>\s*assistant\s*\Z")
"""The begin of a further message, after a server has dropped the marks before this one."""
_ANALYSIS: Final = re.compile(
    r"\s*(?:<\|start\|>assistant\s*)?<\|channel\|>\s*analysis\b[^<]*<\|message\|>"
    r"(?:[^<]++|<(?!\|(?:channel|message|start|end)\|>))*+<\|end\|>(?:\s*<\|start\|>assistant\s*(?:<\|message\|>|(?!\s*<)))?"
)
"""A closed message on the channel of thoughts, and the header without a channel that may follow."""
_BARE_FINAL: Final = re.compile(r"\A\s*analysis(?=\S).*assistantfinal", re.DOTALL)
"""The harmony format after a server has dropped its special tokens."""
_BARE_THOUGHT: Final = re.compile(r"\A\s*analysis(?=[^\W_])")
"""The same, cut off in its thoughts; `analysis shows` and `analysis_of` are words of an answer."""
_END: Final = re.compile(
    r"<\|(?:return|end|im_end|eot_id|eot|endoftext|end_of_text|call|end_of_turn)\|>|<end_of_turn>|<turn\|>"
    r"|<\uff5cend\u2581of\u2581sentence\uff5c>|(?:</s>|\[/?INST\])\s*\Z"
)


def answer(text: str) -> str:
    """Return a reply's answer; empty if the reply holds nothing but thoughts."""
    text = _NEXT.sub("", text)
    if found := list(_FINAL.finditer(text)):
        text = text[found[-1].end() :]
    elif _CHANNEL.search(text):
        text = _after_analysis(text)
    elif bare := _BARE_FINAL.match(text):
        text = text[bare.end() :]
    elif _BARE_THOUGHT.match(text):
        return ""
    else:
        text = _without_blocks(_GLUED.sub(r"\g<0>\n", text))
        if closed := list(_CLOSE.finditer(_without_code(text))):
            text = text[closed[-1].end() :]
        if opened := _OPEN.search(_without_code(text)):
            text = text[: opened.start()]
        text = _AROUND.sub("", text)
    return _until_end(text).lstrip("\r\n")


def _until_end(text: str) -> str:
    ended = _END.search(text)
    return text[: ended.start()] if ended else text


def _after_analysis(text: str) -> str:
    """Return what follows closed thoughts in the harmony format without a header; empty if it has one, or none are closed."""
    at = 0
    while message := _ANALYSIS.match(text, at):
        at = message.end()
    said = _until_end(text[at:])
    return "" if not at or _CHANNEL.search(said) else said


def _without_blocks(text: str) -> str:
    """Return a text without its closed thoughts.

    It is read once from mark to mark: a model that is stuck writes the same mark ten thousand times.
    """
    opened, closed = list[tuple[str, int]](), defaultdict[str, deque[int]](deque)
    for mark in _MARK.finditer(text):
        side, name = (mark.lastgroup or "b")[0], (mark.lastgroup or "b")[1:]
        if side == "e":
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
    """Return a text with blanks in place of its fenced code, so that all else stands where it stood.

    Code is what stands between a line that begins with backticks and the next that begins with as many, if that holds no more.
    """
    if "```" not in text:
        return text
    lines = text.split("\n")
    marks = [len(line) - len(line.lstrip("`")) for line in lines]
    after = next_at_least(marks, marks)
    at = 0
    while at < len(lines):
        mark, end = marks[at], after[at]
        if mark >= 3 and "`" not in lines[at][mark:] and end is not None and marks[end] == mark == len(lines[end].rstrip()):
            lines[at : end + 1] = (" " * len(line) for line in lines[at : end + 1])
            at = end
        at += 1
    return "\n".join(lines)

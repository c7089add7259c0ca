# ruff: noqa: E501 (a row of a table is read as one)
"""One limit, one verdict: what two interpreters do differently by themselves, both sandboxes do alike."""

from __future__ import annotations

import pytest

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.ports import Sandbox
from ouroloop.sandbox.docker.sandbox import DockerSandbox
from ouroloop.sandbox.probes import bank
from ouroloop.sandbox.wasm.sandbox import WasmSandbox
from tests.sandbox.guest.native import played

HEAD = """\
from collections import Counter, defaultdict, deque
from functools import cmp_to_key, reduce
from itertools import accumulate, chain, groupby
from math import ceil, comb, exp, fsum, gcd, isqrt, lcm, log, log2, prod, sqrt
"""
VALUES = (
    # Integers of more than 9000 bits: younger interpreters divide, root and write them by a module of their own.
    "(1 << 40000) // ((1 << 12000) + 1) % P", "divmod(1 << 40000, (1 << 12000) + 7)[1] % P", "(1 << 40000) % ((1 << 12000) + 1)",
    "-(1 << 30000) // ((1 << 9001) + 1) % P", "(1 << 9001) // 3", "isqrt(1 << 60000) % P", "isqrt((1 << 9001) + 5)", "isqrt(10 ** 100)",
    "pow(3, 5000)", "pow(3, 1 << 400, (1 << 2000) + 1)", "pow(7, -1, 40)", "comb(3000, 1500)", "prod(range(1, 900))",
    "gcd(3 ** 6000, 3 ** 5000 * 7)", "lcm(*range(1, 400))", "int('7' * 4300)", "len(str(10 ** 4299))", "str(3 ** 9000)",
    "(1 << 30000).bit_length()", "(3 ** 9000).bit_count()", "round(7 ** 5000, -3)", "int(1e300)", "(0.1).as_integer_ratio()",
    "(1 << 60000) * (1 << 60000) >> 119990", "(1 << 12000 | 1) ^ (1 << 11999)", "~(1 << 9999) & 0xFFFF", "(1 << 1023) / 3",
    # Floats and their text.
    "[sqrt(x / 7) for x in range(9)]", "[exp(x / 3) for x in range(-9, 9)]", "[log(x + 0.1) for x in range(9)]", "log(1 << 5000)",
    "log2(1 << 5000)", "sum([0.1] * 10)", "fsum([0.1] * 10)", "[x ** 0.3 for x in range(9)]", "2 ** -1074", "1e308 * 10",
    "float('inf') - float('inf')", "round(2.675, 2)", "round(-0.5)", "ceil(1e15 + 0.5)", "f'{1 / 3:.30f}'", "f'{1e22} {1e16} {1e-7}'",
    "f'{12345.678:,.1f}|{10 ** 20:,}|{7:>5}|{7:<5}|{-7:+05d}|{0.5:%}|{255:#x}'", "'%d|%5.2f|%x' % (5, 1 / 3, 255)",
    "-7 // 2, -7 % 3, 7 % -3, -7.5 // 2, -7.5 % 2", "divmod(-7.5, 2)", "0.1 + 0.2", "1e16 + 1", "hash and 1 if False else 1",
    # Order, and what is made of sets and dicts.
    "list({'b', 'a', 'c'} | {'z'})", "list({(x, -x) for x in range(5)} - {(1, -1)})", "sorted({'b': 1, 'a': 2}.items())",
    "Counter('abracadabra').most_common(3)", "list(dict.fromkeys([3, 1, 3]))", "max({3: 'a', 1: 'b'}.items())",
    "sorted(range(9), key=lambda x: x % 3)", "sorted([3, 1, 2], key=cmp_to_key(lambda a, b: b - a))", "list({1.0, 1, True})",
    "[list(group) for _, group in groupby([1, 1, 2])]", "list(accumulate([1, 2, 3]))", "reduce(lambda a, b: a * 2 + b, range(9))",
    "str({1: (2, [3.5, None, True])})", "str(deque([1, 2], 2))", "str({1, 2} | {3})", "str(frozenset((1, 2)))",
    "'aé\\u0130ß'.upper(), 'ǅ'.lower(), 'x'.zfill(4), 'a b'.title()", "'a,b'.partition(','), 'abc'.rjust(5, '*')",
    "[c for c in range(0x250) if chr(c).isalpha()]", "'٣'.isdigit(), '²'.isdigit()", "ord('𝔘'), len('𝔘')", "chr(0x10FFFF) > 'z'",
    # Limits that one meets with an exception of the list, which a controller may catch.
    "caught(lambda: str(10 ** 4400))", "caught(lambda: int('7' * 4301))", "caught(lambda: 1 // 0)", "caught(lambda: isqrt(-1))",
    "caught(lambda: [1].index(2))", "caught(lambda: {}[1])", "caught(lambda: int('x'))", "caught(lambda: pow(2, -1, 4))",
    "caught(lambda: max([]))", "caught(lambda: chr(-1))", "caught(lambda: [].pop())", "caught(lambda: log(-1))",
    "caught(lambda: float('x'))", "caught(lambda: 'a'.join([1]))", "caught(lambda: A.append(1))", "caught(lambda: {[]: 1})",
    "caught(lambda: sum(['a']))", "caught(lambda: deque([1], -1))", "caught(lambda: range(1, 2, 0))", "caught(lambda: f'{act}')",
)  # fmt: skip
"""Expressions whose text must be the same."""
COMPARING = """
A = [1]
P = 10 ** 40 + 7


def caught(call):
    try:
        return call()
    except (TypeError, ValueError, LookupError, ZeroDivisionError, AssertionError):
        return "caught"


def act(observation, logits):
    text = str(VALUES[observation["idle"] % len(VALUES)]())
    return (sum(n * ord(c) for n, c in enumerate(text, 1)) >> observation["food"] % 6 * 2) % 4


VALUES = (
"""
"""The head of a controller that answers each row with two bits of a sum over one value's text."""
ROWS = 600
DEEP: dict[str, tuple[str, int, int]] = {
    "plain": ("def deep(n):\n    return 0 if n == 0 else 1 + deep(n - 1)\n", 990, 1010),
    "mutual": ("def deep(n):\n    return n and other(n - 1)\n\n\ndef other(n):\n    return n and deep(n - 1)\n", 990, 1010),
    "inner": ("def deep(n):\n    def f(n):\n        return n and f(n - 1)\n    return f(n)\n", 990, 1010),
    "list": ("def deep(n):\n    return 0 if n == 0 else 1 + [deep(m) for m in (n - 1,)][0]\n", 990, 1010),
    "dict": ("def deep(n):\n    return 0 if n == 0 else 1 + {m: deep(m) for m in (n - 1,)}[n - 1]\n", 990, 1010),
    "lambda": ("deep = lambda n: n and deep(n - 1)\n", 320, 340),
    "passed on": ("def deep(n):\n    return (lambda f, n: f(f, n))(lambda f, n: n and f(f, n - 1), n)\n", 320, 340),
    "in a list": ("def deep(n):\n    return n and [deep][0](n - 1)\n", 320, 340),
    "in a dict": ("def deep(n):\n    return n and {0: deep}[0](n - 1)\n", 320, 340),
    "generator": ("def deep(n):\n    return 0 if n == 0 else 1 + max(deep(m) for m in (n - 1,))\n", 320, 340),
    "set": ("def deep(n):\n    return 0 if n == 0 else 1 + max({deep(m) for m in (n - 1,)})\n", 320, 340),
    "map": ("def deep(n):\n    return 0 if n == 0 else 1 + max(map(deep, (n - 1,)))\n", 320, 340),
    "filter": ("def deep(n):\n    return n and len(list(filter(deep, (n - 1,))))\n", 320, 340),
    "key": ("def deep(n):\n    return n and sorted([n - 1], key=deep)[0]\n", 320, 340),
    "max key": ("def deep(n):\n    return n and max([n - 1], key=deep)\n", 320, 340),
    "sort": ("def deep(n):\n    return n and [n - 1].sort(key=deep) or 0\n", 320, 340),
    "key in a lambda": ("def deep(n):\n    return n and min([n - 1], key=lambda m: deep(m))\n", 160, 180),
    "reduce": ("from functools import reduce\ndef deep(n):\n    return n and reduce(lambda a, b: deep(a), (n - 1, 0))\n", 160, 180),
    "comparison": (
        "from functools import cmp_to_key\ndef deep(n):\n"
        "    return n and len(sorted([1, 2], key=cmp_to_key(lambda a, b: deep(n - 1))))\n", 160, 180,
    ),
    "yield from": ("def walk(n):\n    yield n\n    if n:\n        yield from walk(n - 1)\n\n\ndef deep(n):\n    return sum(walk(n))\n", 320, 340),
    "yield in a loop": (
        "def walk(n):\n    yield n\n    if n:\n        for m in walk(n - 1):\n            yield m\n\n\n"
        "def deep(n):\n    return sum(walk(n))\n", 320, 340,
    ),
    "default dict": (
        "from collections import defaultdict\ndef deep(n):\n    d = defaultdict(lambda: look(d) if len(k) < n else 0)\n    k = []\n"
        "    def look(d):\n        k.append(0)\n        return d[len(k)]\n    return look(d)\n", 160, 340,
    ),
    "accumulate": (
        "from itertools import accumulate\ndef deep(n):\n    return n and list(accumulate((n - 1, 0), lambda a, b: deep(a)))[0]\n", 160, 180,
    ),
    "iter": ("def deep(n):\n    return n and sum(iter(lambda: deep(n - 1), 0))\n", 160, 180),
    "walrus": ("def deep(n):\n    return n and (m := deep(n - 1)) + 1\n", 990, 1010),
    "conditional": ("def deep(n):\n    return (deep if n else int)(n - 1 if n else 0)\n", 320, 340),
    "starred": ("def deep(*n):\n    return n[0] and deep(*[n[0] - 1])\n", 990, 1010),
    "keyword": ("def deep(n=0):\n    return n and deep(n=n - 1)\n", 990, 1010),
    "default": ("def deep(n, f=None):\n    return n and (f or deep)(n - 1, f)\n", 320, 340),
    "rebound": ("def deep(n):\n    again = deep\n    return n and again(n - 1)\n", 320, 340),
    "in a handler": (
        "def deep(n):\n    try:\n        return 1 // n\n    except ZeroDivisionError:\n        return 0\n\n\n"
        "def deep2(n):\n    try:\n        return deep2(n - 1) if n else {}[0]\n    except KeyError:\n        return 0\n", 990, 1010,
    ),
}  # fmt: skip
"""Name -> a program with a function `deep`, a depth that it may reach and one that it may not."""


def deep(name: str, depth: int) -> str:
    program = DEEP[name][0]
    call = "deep2" if "deep2" in program else "deep"
    return program + f"\n\ndef act(observation, logits):\n    x = {call}({depth})\n    return 0\n"


def comparing(*values: str) -> str:
    return HEAD + COMPARING + "".join(f"    lambda: ({value}),\n" for value in values) + ")\n"


def outcome(sandbox: Sandbox, source: str) -> str:
    """Return the actions, or the layer and what was raised."""
    try:
        session = sandbox.open(source)
        found = session.act(*bank(1)).tolist()
        session.close()
    except CandidateFault as fault:
        return f"{fault.layer} {fault.reason.partition(' raised ')[2].partition(' ')[0]}"
    return str(found)


@pytest.mark.parametrize("name", DEEP)
def test_depth_is_counted(name: str) -> None:
    _, reached, refused = DEEP[name]
    assert played(deep(name, reached), 2) == [0, 0]
    assert played(deep(name, refused), 2) == ["RecursionError"] * 2


@pytest.mark.parametrize("value", VALUES)
def test_each_value_has_a_text(value: str) -> None:
    assert set(played(comparing(value), 1)) <= {0, 1, 2, 3}


@pytest.mark.docker
@pytest.mark.slow
def test_both_sandboxes_agree(wasm: WasmSandbox, toolkit: str) -> None:
    docker = DockerSandbox(toolkit, 4)
    observations, logits = bank(ROWS, 12)
    one, two = (sandbox.open(comparing(*VALUES)).act(observations, logits) for sandbox in (wasm, docker))
    index = observations.columns["idle"] % len(VALUES)
    assert set(index.tolist()) == set(range(len(VALUES)))
    assert {VALUES[at] for at in index[one != two]} == set()
    sources = {name: deep(name, reached) for name, (_, reached, _) in DEEP.items()}
    sources |= {f"{name}, refused": deep(name, DEEP[name][2]) for name in ("plain", "key", "yield from")}
    found = {name: [outcome(sandbox, source) for sandbox in (wasm, docker)] for name, source in sources.items()}
    docker.close()
    assert {name: both for name, both in found.items() if both[0] != both[1]} == {}

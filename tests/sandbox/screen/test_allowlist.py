from __future__ import annotations

import pytest

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.allowlist import check_tree, parse

ACT = "def act(observation, logits):\n    return 0\n"


def body(text: str) -> str:
    return "def act(observation, logits):\n" + "".join(f"    {line}\n" for line in text.split("\n"))


ALLOWED = {
    "plain": ACT,
    "docstring and constants": '"""Doc."""\nUP, DOWN = 0, 1\n'.replace(
        "UP, DOWN = 0, 1", "UP = 0\nMOVES = ((-1, 0), (1, 0))\nBIG = -1"
    )
    + ACT,
    "constants from constants": "import math\nN = 4\nM = N * N - 1\nINF = math.inf\nS = frozenset((1, 2))\nF = float('inf')\n"
    + ACT,
    "imports": "import heapq\nimport math as m\nfrom collections import deque, Counter\n"
    "from toolkit import legal_moves as legal\n"
    + body(
        "q = deque([m.floor(1.5)])\nheapq.heappush([], 1)\nreturn q.popleft() + len(legal(observation)) - Counter().total()"
    ),
    "toolkit module": "import toolkit\n" + body("return toolkit.legal_moves(observation)[0]"),
    "future annotations": "from __future__ import annotations\n" + ACT,
    "annotations": "def h(x: int, y: list[tuple[int, int]] | None = None) -> dict[str, int]:\n"
    "    z: list[int] = []\n    return {}\n" + ACT,
    "annotated act": "def act(observation: dict, logits: list[float]) -> int:\n    return 0\n",
    "comprehensions": body(
        "x = [i for i in range(4) if i]\ny = {i: 1 for i in x}\nz = {i for i in x}\nreturn max(x, key=lambda i: y[i]) + len(z)"
    ),
    "nested function": body("def inner(n):\n    return n + 1\nreturn inner(0)"),
    "lambda with a bound name": body("f = [lambda x, i=i: x + i for i in range(2)]\nreturn f[0](1)"),
    "named exceptions": body("try:\n    return logits.index(2.0)\nexcept (ValueError, IndexError):\n    pass\nreturn 0"),
    "raise and assert": body("assert logits\nif not logits:\n    raise ValueError('empty')\nreturn 0"),
    "match values": body(
        "match observation['size']:\n    case 4 | 5:\n        return 1\n    case [a, *b]:\n        return a\n"
        "    case _:\n        return 0"
    ),
    "walrus and star": body("if (n := len(logits)) > 3:\n    a, *b = logits\n    return max(*range(n)) % 4\nreturn 0"),
    "f-string": body("return len(f'{logits[0]:.3f}') % 4"),
    "generator helper": "def cells(n):\n    yield from range(n)\n" + body("return sum(cells(2))"),
    "own function named like a method": "def helper(board):\n    return board.count(0)\n"
    + body("return helper(observation['board']) % 4"),
    "underscore loop variable": body("for _ in range(3):\n    pass\nreturn 0"),
    "slices and del": body("x = logits[1:3]\ndel x[0]\nreturn len(x)"),
    "shadowing an allowed built-in": body("max = 3\nreturn max"),
    "shadowing one that is not allowed": "def h(type):\n    return type\n" + body("id = dir = 0\nreturn h(id) + dir"),
    "frozen displays": "MOVES = [(-1, 0), [1, 0]]\nNAMES = {'up': 0, 'down': [1]}\nEVEN = {0, 2}\n"
    + body("return MOVES[0][1] + NAMES['up']"),
    "unpacked constants": "UP, DOWN = 0, 1\nA, B, C = range(3)\nX = Y = 2\nBIG = 10 ** 9\nBIT = 1 << 20\n" + ACT,
    "typing": "from typing import Dict, List, Optional\n\ndef h(x: Optional[List[int]], y: 'Cell') -> Dict[str, int]:\n"
    "    return {}\n" + ACT,
    "nested generator": body("def cells(n):\n    yield n\nreturn list(cells(0))[0]"),
    "variadic": "def h(*args):\n    return args[0]\n" + body("return h(1, 2)"),
    "same import twice": "from math import sqrt\nfrom math import sqrt\n" + ACT,
    "views": body("d = {1: 2}\nreturn sum(k + v for k, v in d.items()) + len(d.keys() | {3})"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_ordinary_controllers_pass(name: str) -> None:
    check_tree(parse(ALLOWED[name]))


REFUSED = {
    "dunder attribute": body("return act.__globals__"),
    "dunder name": body("return __import__('os')"),
    "dunder binding": body("__builtins__ = 1\nreturn 0"),
    "underscore attribute": body("return observation._x"),
    "format": body("return len('{0.x}'.format(act))"),
    "format_map": body("return len('{a}'.format_map(observation))"),
    "frame": body("g = (x for x in [1])\nreturn g.gi_frame"),
    "mro": body("return int.mro()"),
    "eval as a value": body("return list(map(eval, ['1']))[0]"),
    "getattr": body("return getattr(act, 'x')"),
    "print": body("print(1)\nreturn 0"),
    "type": body("return type(1)"),
    "undefined": body("return numpy"),
    "import os": "import os\n" + ACT,
    "import submodule": "import collections.abc\n" + ACT,
    "from os": "from os import system\n" + ACT,
    "from relative": "from . import toolkit\n" + ACT,
    "from star": "from math import *\n" + ACT,
    "from private": "from toolkit import _x\n" + ACT,
    "from unlisted": "from functools import lru_cache\n" + ACT,
    "unlisted member": "import collections\n" + body("return collections.abc"),
    "member by alias": "import math as m\n" + body("return m.sin(1)"),
    "module as a value": "import math\n" + body("m = math\nreturn 0"),
    "module in a container": "import math\n" + body("return [math][0].floor(1)"),
    "module in a constant": "import math\nM = (math,)\n" + ACT,
    "module rebound": "import math\n" + body("math = observation\nreturn math.board"),
    "module as a parameter": "import math\ndef h(math):\n    return math.floor\n" + ACT,
    "import in a function": body("import math\nreturn 0"),
    "import twice": "import math\nimport heapq as math\n" + ACT,
    "import typing whole": "import typing\n" + ACT,
    "typing's functions": "from typing import get_type_hints\n" + ACT,
    "module binds frozenset": "from collections import deque as frozenset\nX = frozenset((1,))\n" + ACT,
    "module defines float": "def float(x):\n    return [x]\nX = float('1')\n" + ACT,
    "module assigns range": "range = 3\n" + ACT,
    "unbound built-in": body("return open('x')"),
    "import over a toolkit name": "import toolkit\nfrom math import inf as toolkit\n" + ACT,
    "decorator": "@abs\ndef h():\n    pass\n" + ACT,
    "decorator on act": "@max\n" + ACT,
    "class": "class A:\n    pass\n" + ACT,
    "async": "async def h():\n    pass\n" + ACT,
    "async comprehension": body("async def f():\n    return [x async for x in y]\nreturn 0"),
    "global": "N = 0\n" + body("global N\nN = 1\nreturn 0"),
    "nonlocal": body("n = 0\ndef f():\n    nonlocal n\nreturn 0"),
    "with": body("with act:\n    pass\nreturn 0"),
    "match class": body("match act:\n    case object(x=g):\n        return g\nreturn 0"),
    "attribute assignment": body("act.n = 1\nreturn 0"),
    "attribute deletion": body("del act.n\nreturn 0"),
    "attribute as a loop target": body("for act.n in [1]:\n    pass\nreturn 0"),
    "default with a call": "def h(x=print()):\n    pass\n" + ACT,
    "mutable default": "def h(x=[]):\n    pass\n" + ACT,
    "lambda with a mutable default": body("f = lambda x=[]: x\nreturn 0"),
    "keywords": "def h(**k):\n    pass\n" + ACT,
    "double star call": body("return max([1], **observation)"),
    "bare except": body("try:\n    return 1\nexcept:\n    return 0"),
    "except Exception": body("try:\n    return 1\nexcept Exception:\n    return 0"),
    "except by expression": body("try:\n    return 1\nexcept (ValueError if logits else KeyError):\n    return 0"),
    "except star": body("try:\n    pass\nexcept* ValueError:\n    pass\nreturn 0"),
    "except as": body("try:\n    return 1\nexcept ValueError as e:\n    return e.args"),
    "finally": body("try:\n    return 1\nfinally:\n    return 0"),
    "bytes": body("return b'x'[0]"),
    "complex": body("return 1j"),
    "constant by a call": "X = dict()\n" + ACT,
    "constant by nested powers": "X = 9 ** 9 ** 9\n" + ACT,
    "constant by a huge power": "X = 9 ** 99\n" + ACT,
    "constant of a call in a list": "X = [abs(1)]\n" + ACT,
    "constant unpacks a name": "Y = 1\nA, B = Y\n" + ACT,
    "huge integer": body("return 0x" + "f" * 5000 + " % 4"),
    "percent on a string": body("return len('%s' % act) % 4"),
    "view kept": body("d = {}\nf = d.items\nreturn len(f())"),
    "view with an argument": body("d = {}\nreturn len(d.keys(1))"),
    "keyword through an alias": body("m = map\nreturn list(m(abs, logits, strict=True))[0]"),
    "keyword of replace through an alias": body("r = 'aa'.replace\nreturn len(r('a', '', count=1))"),
    "conversion in a constant": "F = '%s'\n" + body("return len(F % act) % 4"),
    "remainder in a constant": "F = 3\nX = F % act\n" + ACT,
    "typing as a value": "from typing import Tuple\nPoint = Tuple\n" + ACT,
    "relative future": "from .__future__ import annotations\n" + ACT,
    "keyword of younger interpreters": body("return list(map(abs, logits, strict=True))[0]"),
    "return at module level": ACT + "return 0\n",
    "break outside a loop": body("break"),
    "continue in a function in a loop": body("for _ in logits:\n    def f():\n        continue\nreturn 0"),
    "annotation with a dunder": "def h(x: __builtins__):\n    pass\n" + ACT,
    "constant by a comprehension": "X = tuple(i for i in ())\n" + ACT,
    "frozenset of a mutable": "X = frozenset(([],))\n" + ACT,
    "augmented constant": "X = 1\nX += 1\n" + ACT,
    "code at module level": "while True:\n    pass\n" + ACT,
    "call at module level": "abs(1)\n" + ACT,
    "main guard": ACT + "if True:\n    pass\n",
    "annotation with a call": "X: abs(1) = 1\n" + ACT,
    "no act": "def other(observation, logits):\n    return 0\n",
    "two acts": ACT + ACT,
    "act rebound": ACT + "act = abs\n",
    "act rebound inside": ACT + "def h():\n    act = 1\n",
    "act imported": "from toolkit import x as act\n" + ACT,
    "act with one parameter": "def act(observation):\n    return 0\n",
    "act with other names": "def act(o, l):\n    return 0\n",
    "act with a default": "def act(observation, logits=None):\n    return 0\n",
    "act with another keyword": "def act(observation, logits, *, x=1):\n    return 0\n",
    "act positional only": "def act(observation, logits, /):\n    return 0\n",
    "act as a generator": "def act(observation, logits):\n    yield 0\n",
    "act async": "async def act(observation, logits):\n    return 0\n",
    "type alias": "def h[T](x: T):\n    pass\n" + ACT,
    "compatibility form of eval": body("return ｅval('1')"),
    "not Python": "def act(observation, logits)\n    return 0\n",
    "print statement": body("print 'x'"),
    "null": "\x00" + ACT,
    "long attribute chain": body("return logits" + ".copy" * 100),
    "long sum": body("return " + "1+" * 200 + "1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(CandidateFault) as caught:
        check_tree(parse(REFUSED[name]))
    assert caught.value.layer == "ast"
    assert caught.value.reason

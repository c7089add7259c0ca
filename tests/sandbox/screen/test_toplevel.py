"""What a module may hold at its top: nothing that could remember a call, and nothing that writes an address."""

from __future__ import annotations

import pytest

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.static import static_screen

ACT = "def act(observation, logits):\n    return logits.index(min(logits))\n"
BASE = ACT.replace("min", "max")

TABLES_COMPUTED = {
    "times": "X = [0]\nY = X * 1\n",
    "times from the left": "X = [0]\nY = 1 * X\n",
    "plus": "X = [0]\nY = X + X\n",
    "sets": "S = {1}\nY = S - S\n",
    "a frozen set of a set": "S = {1}\nY = S - frozenset({2})\n",
    "in a tuple": "X = [0]\nY = (1, X + X)\n",
    "in a list": "X = [0]\nY = [1, X + X]\n",
    "in a dict": "X = [0]\nY = {1: X + X}\n",
    "through another name": "X = [0]\nZ = X\nY = Z * 2\n",
    "through a chain": "X = Z = [0]\nY = Z * 2\n",
    "through unpacking": "X, Z = [0], 1\nY = X * 2\n",
    "through unpacked lists": "X, Z = [[0], [1]]\nY = X * 2\n",
    "through a tuple": "X = ([0],)\nY = X * 2\n",
    "annotated": "X: list = [0]\nY: list = X * 2\n",
    "unpacked": "X = [0]\nA, B = X * 2, 1\n",
    "nested": "X = [0]\nY = (X * 2) * 2\n",
    "rebound": "X = 1\nX = [0]\nY = X * 2\n",
    "dict of dicts": "D = {1: {}}\nE = D\nY = E + E\n",
    "a default": "X = [0]\ndef f(key=X * 2):\n    return key\n",
    "a default in a tuple": "X = [0]\ndef f(key=(1, X + X)):\n    return key\n",
    "a default by keyword alone": "X = [0]\ndef f(*, key=X * 2):\n    return key\n",
    "a default of act's helper below": "X = [0]\n" + "def f(a, b=1, c=X * 1):\n    return c\n",
}


@pytest.mark.parametrize("name", TABLES_COMPUTED)
def test_arithmetic_makes_no_table_at_module_level(name: str) -> None:
    with pytest.raises(CandidateFault) as caught:
        static_screen(TABLES_COMPUTED[name] + ACT, BASE)
    assert caught.value.layer == "ast"
    assert "arithmetic on a list" in caught.value.reason


CONVERSIONS = ["%s", "% s", "%-40s", "%*s", "%.3s", "%+ r", "%#a", "%ls", "%(k)s", "%(k) s", "%(a b) -3r", "%(a(b)c)s", "%(%)s",
               "x %5.2f %s", "%%%s", "%(k)\n %0*.*s"]  # fmt: skip


@pytest.mark.parametrize("text", CONVERSIONS)
def test_no_string_may_write_an_objects_text(text: str) -> None:
    for source in (f"F = {text!r}\n" + ACT, ACT.replace("    return", f"    f = {text!r}\n    return")):
        with pytest.raises(CandidateFault) as caught:
            static_screen(source, BASE)
        assert caught.value.layer == "ast"


ALLOWED = {
    "numbers": "N = 4\nM = N * N - 1\nT = (1, 2) + (3,)\nU = T * 2\n",
    "text": "A = 'ab'\nB = A * 2 + 'c'\n",
    "tables as they are": "X = [0]\nY = (X, X)\nZ = {'a': X}\nS = {1, 2}\n",
    "frozen sets": "S = frozenset([1, 2])\nT = S - frozenset({1})\n",
    "a table as a default": "X = [0]\ndef f(key=X):\n    return key\n",
    "arithmetic on a table in a function": "X = [0]\ndef f():\n    return X * 2 + X\n",
    "a toolkit's constant": "from toolkit import FAR\nN = FAR + 1\n",
    "percents": "A = '50% of 8'\nB = '%d %.2f %%'\nC = 'f(x) % 4'\n",
    "a default made of numbers": "N = 2\ndef f(key=N * 2):\n    return key\n",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_remembers_nothing_passes(name: str) -> None:
    assert static_screen(ALLOWED[name] + ACT, BASE).source == ALLOWED[name] + ACT

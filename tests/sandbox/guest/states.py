# ruff: noqa: E501 (a row of a table is read as one)
"""Controllers that try to remember from one call to the next, each in its own way, and honest uses of a module's constants."""

from __future__ import annotations

ACT = "\n\ndef act(observation, logits):\n    "
TAIL = "\n    return 0 if len({0}) < 3 else 1\n"


def keeps(head: str, change: str, kept: str) -> str:
    """Return a controller whose head makes a value, which `act` changes and then judges by its length."""
    return head + ACT + change + TAIL.format(kept)


X, D, S = "X = [0]\n", "D = {0: 0}\n", "S = {0}\n"
HOARDS: dict[str, str] = {
    "display": keeps(X, "X.append(1)", "X"),
    "times": keeps(X + "Y = X * 1", "Y.append(1)", "Y"),
    "times reflected": keeps(X + "Y = 1 * X", "Y.append(1)", "Y"),
    "plus": keeps(X + "Y = X + X[:0]", "Y.append(1)", "Y"),
    "copy": keeps(X + "Y = X.copy()", "Y.append(1)", "Y"),
    "call": keeps(X + "Y = list(X)", "Y.append(1)", "Y"),
    "call of nothing": keeps("Y = list()", "Y.append(1)", "Y"),
    "slice": keeps(X + "Y = X[:]", "Y.append(1)", "Y"),
    "sorted": keeps(X + "Y = sorted(X)", "Y.append(1)", "Y"),
    "comprehension": keeps("Y = [x for x in range(1)]", "Y.append(1)", "Y"),
    "split": keeps("Y = 'a'.split()", "Y.append(1)", "Y"),
    "unpacked star": keeps("A, *Y = 1, 2", "Y.append(1)", "Y"),
    "starred display": keeps(X + "Y = [*X]", "Y.append(1)", "Y"),
    "conditional": keeps(X + "Y = X if X else []", "Y.append(1)", "Y"),
    "walrus": keeps("Z = (Y := [0])", "Y.append(1)", "Y"),
    "dict copy": keeps(D + "E = D.copy()", "E[len(E)] = 1", "E"),
    "dict union": keeps(D + "E = D | D", "E.update({len(E): 1})", "E"),
    "dict comprehension": keeps("E = {x: x for x in range(1)}", "E.setdefault(len(E), 1)", "E"),
    "dict call": keeps("E = dict(a=0)", "E[len(E)] = 1", "E"),
    "dict fromkeys": keeps("E = dict.fromkeys((1,))", "E[len(E) + 5] = 1", "E"),
    "set difference": keeps(S + "T = S - S", "T.add(len(T))", "T"),
    "set union": keeps(S + "T = S | S", "T.add(len(T))", "T"),
    "set method": keeps(S + "T = S.union(S)", "T.update([len(T)])", "T"),
    "set comprehension": keeps("T = {x for x in range(1)}", "T.add(len(T))", "T"),
    "set call": keeps("T = set()", "T.add(len(T))", "T"),
    "unbound append": keeps(X, "list.append(X, 1)", "X"),
    "unbound alias": keeps(X, "k = list\n    k.append(X, 1)", "X"),
    "unbound in map": keeps(X, "list(map(list.append, [X], [1]))", "X"),
    "unbound extend": keeps(X, "list.extend(X, [1])", "X"),
    "unbound insert": keeps(X, "list.insert(X, 0, 1)", "X"),
    "unbound update": keeps(D, "dict.update(D, {len(D): 1})", "D"),
    "unbound setdefault": keeps(D, "dict.setdefault(D, len(D), 1)", "D"),
    "unbound counter": keeps("from collections import Counter\n" + D, "Counter.setdefault(D, len(D), 1)", "D"),
    "unbound counter update": keeps("from collections import Counter\n" + D, "Counter.update(D, [len(D)])", "D"),
    "unbound defaultdict": keeps("from collections import defaultdict\n" + D, "defaultdict.update(D, {len(D): 1})", "D"),
    "unbound ordered": keeps("from collections import OrderedDict\n" + D, "OrderedDict.setdefault(D, len(D), 1)", "D"),
    "unbound add": keeps(S, "set.add(S, len(S))", "S"),
    "unbound set update": keeps(S, "set.update(S, [len(S)])", "S"),
    "heap push": keeps("from heapq import heappush\n" + X, "heappush(X, 1)", "X"),
    "heap module": keeps("import heapq\n" + X, "heapq.heappush(X, 1)", "X"),
    "heap replace": keeps("from heapq import heapreplace\nX = [0, 0, 0]", "heapreplace(X, X[0] + 1)", "range(sum(X))"),
    "heap pushpop": keeps("from heapq import heappushpop\nX = [0, 0, 0]", "heappushpop(X, X[0] + 1)", "range(sum(X))"),
    "heapify": keeps("from heapq import heapify\nX = [3, 0, 0]", "heapify(X)", "range(X[0])"),
    "heap pop": keeps("from heapq import heappop\nX = [0, 0, 0, 0, 0]", "heappop(X)", "range(6 - len(X))"),
    "sort": keeps("X = [3, 0, 0]", "X.sort()", "range(X[0])"),
    "unbound sort": keeps("X = [3, 0, 0]", "list.sort(X)", "range(X[0])"),
    "reverse": keeps("X = [3, 0, 0]", "X.reverse()", "range(X[0])"),
    "item": keeps("X = [0]", "X[0] = X[0] + 1", "range(X[0])"),
    "loop target": keeps("X = [0]", "for X[0] in (X[0] + 1,):\n        pass", "range(X[0])"),
    "unpack target": keeps("X = [0]", "X[0], y = X[0] + 1, 0", "range(X[0])"),
    "slice target": keeps("X = [0]", "X[1:1] = [1]", "X"),
    "star target": keeps("X = [0]", "*X[:0], y = [1, 2]\n    X[:0] = [1]", "X"),
    "comprehension target": keeps("X = [0]", "[0 for X[0] in (X[0] + 1,)]", "range(X[0])"),
    "deletion": keeps("X = [0, 0, 0, 0]", "del X[0]", "range(5 - len(X))"),
    "in place": keeps("X = [0]", "y = X\n    y += [1]", "X"),
    "in place times": keeps("X = [0]", "y = X\n    y *= 2", "X"),
    "in place union": keeps(D, "e = D\n    e |= {len(D): 1}", "D"),
    "in place set": keeps(S, "t = S\n    t |= {len(S)}", "S"),
    "kept method": keeps(X + "GROW = X.append", "GROW(1)", "X"),
    "kept method of a dict": keeps(D + "PUT = D.setdefault", "PUT(len(D), 1)", "D"),
    "kept method of a set": keeps(S + "ADD = S.add", "ADD(len(S))", "S"),
    "kept method alone": keeps(X + "Y = X\nGROW = Y.append", "GROW(1)", "Y"),
    "default": "X = [0]\n\n\ndef f(memo=X * 1):\n    memo.append(1)\n    return memo" + keeps("", "m = f()", "m"),
    "keyword default": "X = [0]\n\n\ndef f(*, memo=X * 1):\n    memo.append(1)\n    return memo" + keeps("", "m = f()", "m"),
    "lambda default": keeps(X + "F = lambda memo=X * 1: memo.append(1) or memo", "m = F()", "m"),
    "nested lambda default": keeps(X + "T = (1, [lambda memo=X * 1: memo.append(1) or memo])", "m = T[1][0]()", "m"),
    "counted default": "X = [0]\n\n\ndef f(n, memo=X * 1):\n    memo.append(1)\n    return f(n - 1) if n else memo"
    + keeps("", "m = f(1)", "m"),
    "inner default": "X = [0]\n\n\ndef f(key=X * 2):\n    g = lambda memo=key: memo\n    g().append(0)\n    return g()"
    + keeps("", "m = f()", "m"),
    "closure": "def make():\n    kept = []\n    return lambda: kept.append(1) or kept\n\n\nF = make()"
    + keeps("", "m = F()", "m"),
    "inner closure": "def make():\n    kept = []\n\n    def a():\n        return lambda: kept.append(1) or kept\n    return a\n\n\nF = make()"
    + keeps("", "m = F()()", "m"),
    "closure of a number": "def make():\n    n = 0\n\n    def f():\n        nonlocal n\n        n += 1\n        return n\n    return f\n\n\nF = make()"
    + keeps("", "m = F()", "range(m)"),
    "generator's closure": "def make():\n    kept = []\n\n    def f():\n        kept.append(1)\n        yield kept\n    return f\n\n\nF = make()"
    + keeps("", "m = next(F())", "m"),
    "function as a key": "def f(m=[0] * 1):\n    m.append(1)\n    return m\n\n\nF = {f: 1}"
    + keeps("", "m = list(F)[0]()", "m"),
    "function in a frozenset": "def f(m=[0] * 1):\n    m.append(1)\n    return m\n\n\nF = frozenset((f,))"
    + keeps("", "m = list(F)[0]()", "m"),
    "method in a default": X + "\n\ndef f(grow=X.append):\n    grow(1)" + keeps("", "f()", "X"),
    "method in a tuple": keeps(X + "T = (X.append, 0)", "T[0](1)", "X"),
    "method of a set": "P = {3, 2, 1, 0}.pop\n\n\ndef act(observation, logits):\n    return P()\n",
    "sentinel": "P = iter([3, 2, 1, 0].pop, 9)\n\n\ndef act(observation, logits):\n    return next(P)\n",
    "comparison": keeps("from functools import cmp_to_key\nK = cmp_to_key(lambda a, b: 0)([0])", "y = 1", "[0]"),
    "in a tuple": keeps(X + "Y = (1, X + X)", "Y[1].append(1)", "Y[1]"),
    "in a dict": keeps(X + "Y = {0: X * 1}", "Y[0].append(1)", "Y[0]"),
    "in a list": keeps("Y = [[0]] * 2", "Y[0].append(1)", "Y[1]"),
    "of a copy": keeps("Y = [[0]]", "z = Y.copy()\n    z[0].append(1)", "Y[0]"),
    "of values": keeps("Y = {0: [0]}", "[v.append(1) for v in Y.values()]", "Y[0]"),
    "dict in a frozenset's tuple": keeps("Y = ({0: [0]}, frozenset((1,)))", "Y[0][0].append(1)", "Y[0][0]"),
    "iterator": keeps("Y = iter(range(9))", "x = next(Y)", "range(x)"),
    "generator": keeps("Y = (x for x in range(9))", "x = next(Y)", "range(x)"),
    "map": keeps("Y = map(abs, range(9))", "x = next(Y)", "range(x)"),
    "reversed": keeps("Y = reversed([5, 4, 3, 2, 1, 0])", "x = next(Y)", "range(x)"),
    "enumerate in a tuple": keeps("Y = (enumerate('abcdefg'),)", "x = next(Y[0])[0]", "range(x)"),
    "count": keeps("from itertools import count\nY = count()", "x = next(Y)", "range(x)"),
    "cycle": keeps("from itertools import cycle\nY = cycle((0, 1, 2, 3))", "x = next(Y)", "range(x)"),
    "kept next": keeps("from itertools import count\nY = count().__next__", "x = Y()", "range(x)"),
    "deque": keeps("from collections import deque\nY = deque()", "Y.append(1)", "Y"),
    "counter": keeps("from collections import Counter\nY = Counter()", "Y.update([len(Y)])", "Y"),
    "defaultdict": keeps("from collections import defaultdict\nY = defaultdict(int)", "Y[len(Y)] += 1", "Y"),
    "default dict looked up": keeps("from collections import defaultdict\nY = (defaultdict(list),)", "Y[0][len(Y[0])]", "Y[0]"),
    "reduce": keeps("from functools import reduce\n" + X, "reduce(list.append, [X, 1])", "X"),
    "starmap": keeps("from itertools import starmap\n" + X, "list(starmap(list.append, [(X, 1)]))", "X"),
    "key": keeps(X, "max([1], key=X.append)", "X"),
    "itself": keeps("Y = []\nY.append(Y)", "Y.append(1)", "Y"),
    "accumulated": keeps("from itertools import accumulate\n" + X, "list(accumulate([X, [1]], list.extend))", "X"),
    "dict of kinds": keeps("K = {'l': list}\n" + X, "K['l'].append(X, 1)", "X"),
    "parameterised": keeps(X, "list[int].append(X, 1)", "X"),
}
"""Name -> a controller that would answer differently from its third call on. None is screened; the worker alone must stop it."""

HONEST: dict[str, str] = {
    "list": "isinstance(A, list) and A == [3, 1] and A != [3] and A > [2] and [4] > A and not A < [3]",
    "list sums": "A + [0] == [3, 1, 0] and [0] + A == [0, 3, 1] and A * 2 == [3, 1, 3, 1] == 2 * A and A + A == A * 2",
    "list parts": "A[0] == 3 and A[-1] == 1 and A[::-1] == [1, 3] and A[1:] + A[:1] == [1, 3] and len(A) == 2",
    "list reading": "3 in A and 7 not in A and A.index(1) == 1 and A.count(3) == 1 and sorted(A) == [1, 3] and max(A) == 3",
    "list text": "str(A) == '[3, 1]' and f'{A}' == '[3, 1]' and str(G) == '[[1, 2], [3]]'",
    "list loops": "[x for x in A] == [3, 1] and sum(A) == 4 and list(map(abs, A)) == [3, 1] and list(reversed(A)) == [1, 3]",
    "list copies": "(lambda c: (c.append(1), c == [3, 1, 1])[1])(A.copy()) and (lambda c: (c.sort(), c == [1, 3])[1])(list(A))",
    "slice copies": "(lambda c: (c.append(1), c == [3, 1, 1])[1])(A[:]) and (lambda c: (c.pop(), c == [3])[1])(A + [])",
    "rows": "(lambda g: (g[0].append(9), g == [[1, 2, 9], [3]])[1])([r[:] for r in G]) and G[1][0] == 3",
    "truth": "bool(A) and not E and not N and E == [] and N == {}",
    "dict": "isinstance(M, dict) and M == {'a': 1, 'b': [2]} and M['a'] == 1 and 'a' in M and len(M) == 2",
    "dict reading": "M.get('z', 5) == 5 and list(M) == ['a', 'b'] and list(M.items())[0] == ('a', 1) and list(M.keys()) == ['a', 'b']",
    "dict values": "list(M.values()) == [1, [2]] and M | {'c': 3} == {'a': 1, 'b': [2], 'c': 3} and {**M, 'a': 2}['a'] == 2",
    "dict copies": "(lambda c: (c.update(a=5), c['a'] == 5)[1])(M.copy()) and (lambda c: (c.pop('a'), len(c) == 1)[1])(dict(M))",
    "dict text": "str(M) == \"{'a': 1, 'b': [2]}\"",
    "set": "isinstance(S, set) and S == {1, 2} and S | {3} == {1, 2, 3} and S - {1} == {2} and S <= {1, 2, 3} and 1 in S",
    "set copies": "(lambda c: (c.add(3), c == {1, 2, 3})[1])(S.copy()) and (lambda c: (c.discard(1), c == {2})[1])(set(S))",
    "set text": "str(S) == '{1, 2}' and list(S) == [1, 2]",
    "kinds": "isinstance([], list) and isinstance({}, dict) and isinstance(A, list | tuple) and not isinstance((), list)",
    "kinds as functions": "list(map(list, ['ab'])) == [['a', 'b']] and list() == [] and dict([(1, 2)]) == {1: 2} and dict(a=1)['a'] == 1",
    "unbound methods": "(lambda c: (list.append(c, 1), c == [1])[1])([]) and dict.fromkeys([1]) == {1: None}",
    "heaps": "(lambda h: (heappush(h, 2), heappush(h, 1), heappop(h) == 1)[2])([])",
    "default": "pick() == 3 and pick([7]) == 7",
    "nested": "T[1][0] == 1 and T[0] == (1, 2) and D2[(0, 1)][0] == 5",
    "same": "A is B and B == A",
    "concatenated": "sum([A, [2]], []) == [3, 1, 2] and [*A, 5] == [3, 1, 5] and (lambda *v: v)(*A) == (3, 1)",
    "unpacked": "(lambda p, q: p - q)(*A) == 2 and dict(zip(A, A)) == {3: 3, 1: 1}",
    "counter": "Counter(A)[3] == 1 and isinstance(Counter(), Counter) and isinstance(Counter(), dict) and Counter('aab').most_common(1)[0][0] == 'a'",
    "default dict": "(lambda d: (d[1].append(2), d == {1: [2]})[1])(defaultdict(list))",
    "get": "GET('a') == 1 and UPPER() == 'X'",
}  # fmt: skip
"""Name -> what holds of the constants of `HEAD` as of any other value."""
HEAD = """\
from collections import Counter, defaultdict
from heapq import heappop, heappush
A = [3, 1]
B = A
G = [[1, 2], [3]]
E = []
N = {}
M = {'a': 1, 'b': [2]}
S = {1, 2}
T = ((1, 2), [1])
D2 = {(0, 1): [5]}
GET = M.get
UPPER = 'x'.upper


def pick(values=A):
    return values[0]


def act(observation, logits):
    return 3 if TRUTH else 0
"""

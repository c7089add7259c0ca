# ruff: noqa: SIM905 (word lists read better as words)
"""What a controller may say: the allow-lists that the screen checks and that the worker builds its namespace from.

One table for both, so that a name passes the screen exactly when the worker has it. Left out on purpose: whatever reaches
the interpreter (`getattr`, `type`, `format`), whatever differs between interpreters or processes (`hash`, `id`, `repr`,
exceptions' text, most of libm), and whatever makes state (`lru_cache`, `partial` of a mutable, `nonlocal`), whatever
younger interpreters added (`is_integer` of an int, a hash of slices).
"""

from __future__ import annotations

BUILTINS = frozenset(
    "abs all any bool chr dict divmod enumerate filter float frozenset int isinstance iter len list map max min next ord pow"
    " range reversed round set sorted str sum tuple zip".split()
)
EXCEPTIONS = frozenset(
    "AssertionError IndexError KeyError LookupError StopIteration TypeError ValueError ZeroDivisionError".split()
)
"""Exceptions that a controller may raise and catch. Not `Exception`, `MemoryError`, `OverflowError` or `RecursionError`: where
those strike depends on the interpreter, and a controller that survives them would play differently in each sandbox."""

MODULES: dict[str, frozenset[str]] = {
    "collections": frozenset({"Counter", "OrderedDict", "defaultdict", "deque"}),
    "functools": frozenset({"cmp_to_key", "reduce"}),
    "heapq": frozenset({"heapify", "heappop", "heappush", "heappushpop", "heapreplace", "merge", "nlargest", "nsmallest"}),
    "itertools": frozenset(
        "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile filterfalse groupby islice"
        " pairwise permutations product repeat starmap takewhile zip_longest".split()
    ),
    "math": frozenset(
        "ceil comb copysign e exp fabs floor fmod fsum gcd inf isclose isfinite isinf isnan isqrt lcm log log2 pi prod"
        " sqrt trunc".split()
    ),
}
"""Importable standard modules and their allowed names. `toolkit` is importable too; its names are its public functions."""

TYPING = frozenset("Any Callable Dict FrozenSet Iterable Iterator List Mapping Optional Sequence Set Tuple Union".split())
"""What may be imported from `typing`, for annotations: the worker drops both."""

METHODS = frozenset(
    # list, deque
    "append appendleft clear copy count extend extendleft index insert pop popleft remove reverse rotate sort maxlen"
    # dict, Counter, OrderedDict
    " elements fromkeys get items keys most_common move_to_end popitem setdefault subtract total update values"
    # set
    " add difference difference_update discard intersection intersection_update isdisjoint issubset issuperset"
    " symmetric_difference symmetric_difference_update union"
    # int, float
    " as_integer_ratio bit_count bit_length"
    # str
    " endswith find isalnum isalpha isdigit islower isspace isupper join ljust lower lstrip partition replace rfind rjust"
    " rstrip split startswith strip title upper zfill"
    # itertools.chain
    " from_iterable".split()
)
"""Attributes that may be read from any value."""

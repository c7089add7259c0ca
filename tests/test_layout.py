"""The house: how many modules stand side by side, how long they are, and what crosses the borders of its rooms."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

import ouroloop

PACKAGE = Path(ouroloop.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
SIDE_BY_SIDE = 15
LINES = 110
BAG = "dict[str, Any]"


def test_no_folder_holds_more_modules_than_one_can_survey() -> None:
    held = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in MODULES)
    assert len(held) > 20
    assert {folder: count for folder, count in held.items() if count > SIDE_BY_SIDE} == {}


def test_half_of_the_modules_are_short() -> None:
    assert median(len(path.read_text().splitlines()) for path in MODULES) <= LINES


def test_nothing_that_crosses_a_border_is_a_bag_of_anything() -> None:
    """A name that another room imports says what it takes and gives."""
    sources = {dotted(path): path.read_text() for path in PACKAGE.rglob("*.py")}
    assert len(sources) > 200
    assert sorted(crossings(sources)) == []


def test_the_count_of_bags_finds_them_where_they_hide() -> None:
    inside = (
        "class Report:\n"
        "    document: dict[str, Any]\n"
        "    _cache: dict[str, Any]\n"
        "    def __init__(self, found: list[dict[str, Any]]) -> None: ...\n"
        "    def _row(self) -> dict[str, Any]: ...\n"
        "    def row(self) -> dict[str, int]: ...\n"
        "def table(*, rows: dict[str, Any] | None) -> None: ...\n"
        "def plain() -> None:\n"
        "    here: dict[str, Any] = {}\n"
        "TABLE: dict[str, Any] = {}\n"
        "Bag = dict[str, Any]\n"
        "Bags: TypeAlias = 'Mapping[str, dict[str, Any]]'\n"
    )
    user = "from pkg.a.one import Report, table, plain, TABLE, Bag, Bags\n"
    found = {
        "pkg.a.one": inside,
        "pkg.b.two": "if True:\n    " + user,
        "pkg.a.three": user,
        "pkg": "from pkg.a.one import Bag\n",
    }
    assert sorted(crossings(found)) == [
        ("", "pkg.a.one", "Bag"),
        ("b", "pkg.a.one", "Bag"),
        ("b", "pkg.a.one", "Bags"),
        ("b", "pkg.a.one", "Report.__init__"),
        ("b", "pkg.a.one", "Report.document"),
        ("b", "pkg.a.one", "TABLE"),
        ("b", "pkg.a.one", "table"),
    ]


def test_a_module_that_is_imported_whole_counts_with_all_its_names() -> None:
    found = {"pkg.a.one": "def table() -> dict[str, Any]: ...\n", "pkg.b.two": "from pkg.a import one\nimport pkg.a.one\n"}
    assert sorted(crossings(found)) == [("b", "pkg.a.one", "table"), ("b", "pkg.a.one", "table")]


def dotted(path: Path) -> str:
    """Return a module's name."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def room(module: str) -> str:
    """Return the top-level folder of a module; the package's own modules are one room of their own name."""
    return [*module.split("."), ""][1]


def crossings(sources: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield (importing room, module, name) for each bag that an import takes over a border."""
    trees = {module: ast.parse(source) for module, source in sources.items()}
    bags = {module: list(public_bags(tree)) for module, tree in trees.items()}
    for importer, tree in trees.items():
        for module, name in imports(tree, trees.keys()):
            if room(module) != room(importer):
                taken = (bag for bag in bags[module] if name in (None, bag.split(".")[0]))
                yield from ((room(importer), module, bag) for bag in taken)


def imports(tree: ast.Module, modules: object) -> Iterator[tuple[str, str | None]]:
    """Yield what a module imports of the others: (module, name), or (module, None) for all of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in modules:
                    yield whole, None
                elif node.module in modules:
                    yield node.module, alias.name
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name in modules)


def public_bags(tree: ast.Module) -> Iterator[str]:
    """Yield the public names of a module, and of its classes, that hold a bag."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{member}" for member in bags_of(node.body))
    yield from bags_of(tree.body)


def bags_of(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the functions, fields and constants of a body whose types hold a bag."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names, types = [node.name], [*(argument.annotation for argument in arguments(node)), node.returns]
        elif isinstance(node, ast.AnnAssign):
            names, types = [ast.unparse(node.target)], [node.annotation]
            types += [node.value] if ast.unparse(node.annotation) == "TypeAlias" else []
        elif isinstance(node, ast.Assign):
            names, types = [ast.unparse(target) for target in node.targets], [node.value]
        else:
            continue
        if any(type_ is not None and BAG in ast.unparse(type_) for type_ in types):
            yield from (name for name in names if not name.startswith("_") or name == "__init__")


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    """Return all arguments of a function."""
    given = function.args
    return [a for a in [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg] if a is not None]

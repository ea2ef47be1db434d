"""The program without something that it does all the time, so that its cost can be measured.

    python -m benchmarks.cut_out nothing|tracing|metrics MODULE [ARGUMENT ...]

Modules of ``appliance`` are imported as they are written, but for the statements that trace, or count: those
are cut out of the syntax tree. Nothing else differs, and the program itself has no switch for it. Whether all
were found is for the caller to see: a tracer that was never asked, counters that are 0.
"""

from __future__ import annotations

import ast
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

_PACKAGE: Final = "appliance"
_ROOT: Final = str(Path(__file__).resolve().parents[1])
#: Rooms that are asked, by people, what was traced and counted.
_LEFT_ALONE: Final = ("telemetry", "operations", "agent", "cli")

Names = frozenset[str]
_TRACER: Final = frozenset({"tracer"})


def without(what: str) -> None:
    """From now on modules of the program are imported without 'tracing', 'metrics' or 'nothing'."""
    assert not any(name.split(".")[0] == _PACKAGE for name in sys.modules), "imported already"
    sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
    if what == "tracing":
        _Loader.cut = without_tracing
    elif what == "metrics":
        from appliance.telemetry.metrics import Metrics  # what is imported for that is left alone

        names = frozenset({"metrics", *Metrics.__annotations__})
        _Loader.cut = lambda tree: without_metrics(tree, names)


class _Loader(SourceFileLoader):
    """Compiles the source each time, without what ``cut`` takes out."""

    cut: Callable[[ast.Module], ast.Module] = staticmethod(lambda tree: tree)

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        if f"{fullname}.".split(".")[1] not in _LEFT_ALONE:
            tree = ast.fix_missing_locations(_Loader.cut(tree))
        return compile(tree, path, "exec", dont_inherit=True)


class _Finder:
    """Finds the sources of the program, also where a compiled module lies beside one."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] != _PACKAGE:
            return None
        for entry in path or [_ROOT]:
            found = FileFinder(entry, (_Loader, [".py"])).find_spec(name)
            if found is not None:
                return found
        return None


def without_tracing(tree: ast.Module) -> ast.Module:
    """The module without all that asks or tells the tracer."""

    class Tracing(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
            self.generic_visit(node)
            asks = isinstance(node.test, ast.Attribute) and node.test.attr == "active"
            if asks and _speaks_of(node.test, _TRACER):
                return node.orelse or ast.Pass()
            return node

        def visit_Expr(self, node: ast.Expr) -> ast.AST:
            called = node.value.func if isinstance(node.value, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in ("note", "message"):
                return ast.Pass() if _speaks_of(called, _TRACER) else node
            return node

    cut: ast.Module = Tracing().visit(tree)
    return cut


def without_metrics(tree: ast.Module, names: Names) -> ast.Module:
    """The module without all that counts; ``names`` are those of the metrics."""
    cut: ast.Module = _Counting(_with_short_names(tree, names)).visit(tree)
    return cut


class _Counting(ast.NodeTransformer):
    """Takes out what counts: ``+= 1`` on a metric, and what a histogram observes."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        return ast.Pass() if _speaks_of(node.target, self._names) else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        called = node.value.func if isinstance(node.value, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr == "observe":
            return ast.Pass() if _speaks_of(called, self._names) else node
        return node


def _with_short_names(tree: ast.Module, names: Names) -> Names:
    """Those too that a module keeps metrics under: ``counts = self._metrics.registrations``."""
    short = set(names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            for target in node.targets if _speaks_of(node.value, names) else ():
                if isinstance(target, ast.Name):
                    short.add(target.id)
                elif isinstance(target, ast.Attribute):
                    short.add(target.attr.lstrip("_"))
    return frozenset(short)


def _speaks_of(node: ast.AST, names: Names) -> bool:
    """Whether an expression such as ``self._metrics.registrations[kind]`` goes by one of the names."""
    while True:
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Attribute):
            if node.attr.lstrip("_") in names:
                return True
            node = node.value
        else:
            return isinstance(node, ast.Name) and node.id in names


if __name__ == "__main__":
    without(sys.argv[1])
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

"""What is compiled to machine code keeps to what mypyc understands as Python does."""

from __future__ import annotations

import ast
import importlib.util
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile_core", REPOSITORY / "scripts/compile_core.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SOURCES = _script().sources(REPOSITORY / "appliance")


def test_every_part_is_there() -> None:
    assert "appliance/proxy/routes.py" in SOURCES
    assert [name for name in SOURCES if not (REPOSITORY / name).is_file()] == []
    assert [name for name in _script().AS_IT_IS if not (REPOSITORY / "appliance" / name).is_file()] == []


@pytest.mark.parametrize("name", SOURCES)
def test_a_name_for_an_error_has_one_type_in_a_function(name: str) -> None:
    """mypyc gives a variable the type that it has first; another one raises TypeError in the handler."""
    for function in ast.walk(ast.parse((REPOSITORY / name).read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        types: dict[str, set[str]] = defaultdict(set)
        for handler in ast.walk(function):
            if isinstance(handler, ast.ExceptHandler) and handler.name and handler.type:
                types[handler.name].add(ast.unparse(handler.type))
        several = {name for name, found in types.items() if len(found) > 1}
        assert not several, f"{function.name}: {several}"


def test_nobody_else_inherits_from_a_compiled_class() -> None:
    """Machine code believes that an object of its class is laid out as it has written it down."""
    compiled = {name.removesuffix(".py").replace("/", ".") for name in SOURCES}
    heirs = []
    for file in sorted((REPOSITORY / "appliance").rglob("*.py")):
        if file.relative_to(REPOSITORY).as_posix() in SOURCES:
            continue
        tree = ast.parse(file.read_text())
        imported = {
            alias.asname or alias.name: node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        heirs += [
            f"{file.name}: {one.name}"
            for one in ast.walk(tree)
            if isinstance(one, ast.ClassDef)
            and any(imported.get(ast.unparse(base)) in compiled for base in one.bases)
        ]
    assert heirs == []


#: Bases from outside that mypyc has a way of its own for; nothing may keep a weak reference to an heir of an
#: error or a dictionary.
KNOWN = {"Protocol", "NamedTuple", "Enum", "Generic", "Exception", "ValueError", "dict", "str"}


@pytest.mark.parametrize("name", SOURCES)
def test_no_compiled_class_inherits_from_a_python_class(name: str) -> None:
    """mypyc lets such an object die without clearing the weak references to it, which ``logging`` keeps."""
    tree = ast.parse((REPOSITORY / name).read_text())
    compiled = {one.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".") for one in SOURCES}
    known = KNOWN | {one.name for one in ast.walk(tree) if isinstance(one, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in compiled:
            known |= {alias.asname or alias.name for alias in node.names}
    foreign = [
        f"{one.name}({ast.unparse(base)})"
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef)
        for base in one.bases
        if ast.unparse(base.value if isinstance(base, ast.Subscript) else base) not in known
    ]
    assert foreign == []

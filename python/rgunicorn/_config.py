"""Runs a configuration file and hands its variables to Rust, which knows what they mean."""

import ast
import importlib
import importlib.machinery
import importlib.util
import os
import sys
from types import ModuleType


def run_file(path: str) -> tuple[dict[str, object], dict[str, str]]:
    """Execute the file at `path` as the module `__config__`; return its variables, and the lines they are set in.

    The source is compiled afresh each time: a cached .pyc is told from its source by a time in
    whole seconds, so an edit made right before a reload could be missed.
    """
    path = os.path.abspath(path)
    module = ModuleType("__config__")
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(_code(path), module.__dict__)
    return vars(module), _lines(path)


def run_module(name: str) -> tuple[dict[str, object], dict[str, str]]:
    """The same of the module `name`, which is imported again if it was before."""
    sys.modules.pop(name, None)
    module = importlib.import_module(name)
    return vars(module), _lines(getattr(module, "__file__", None) or "")


def enter(directory: str) -> None:
    """Make `directory` the first place that modules are imported from."""
    while directory in sys.path:
        sys.path.remove(directory)
    sys.path.insert(0, directory)
    importlib.invalidate_caches()


def _lines(path: str) -> dict[str, str]:
    """The line in which each name of the file got its value: several where that depends on a condition."""
    try:
        with open(path, "rb") as source:
            lines = _bindings(ast.parse(source.read()).body)
    except (OSError, SyntaxError, ValueError):
        return {}  # Without source, such as a .pyc.
    return {name: " or ".join(map(str, numbers)) for name, numbers in lines.items()}


def _bindings(statements: list[ast.stmt]) -> dict[str, list[int]]:
    """The lines that may set each name. A statement that certainly sets it leaves only its own."""
    lines: dict[str, list[int]] = {}
    for statement in statements:
        lines.update({name: [statement.lineno] for name in _names_set_by(statement)})
        for block in _blocks(statement):
            for name, inner in _bindings(block).items():
                lines[name] = [*lines.get(name, ()), *inner]
    return lines


def _names_set_by(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.Assign(targets=targets):
            return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()) | ast.AugAssign(target=ast.Name(id=name)):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name.partition(".")[0] for alias in names]
    return []


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a statement that run in the scope it stands in."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    inner = [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]
    return blocks + [part.body for part in inner]


def _code(path: str):
    if os.path.splitext(path)[1] == ".pyc":
        return importlib.machinery.SourcelessFileLoader("__config__", path).get_code("__config__")
    with open(path, "rb") as source:
        return compile(source.read(), path, "exec", dont_inherit=True)

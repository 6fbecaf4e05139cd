"""Runs a configuration file and hands its variables to Rust, which knows what they mean."""

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from types import ModuleType


def run_file(path: str) -> dict[str, object]:
    """Execute the file at `path` as the module `__config__`; return its variables.

    The source is compiled afresh each time: a cached .pyc is told from its source by a time in
    whole seconds, so an edit made right before a reload could be missed.
    """
    path = os.path.abspath(path)
    module = ModuleType("__config__")
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(_code(path), module.__dict__)
    return vars(module)


def run_module(name: str) -> dict[str, object]:
    """Import the module `name`, again if it was imported before; return its variables."""
    sys.modules.pop(name, None)
    return vars(importlib.import_module(name))


def enter(directory: str) -> None:
    """Make `directory` the first place that modules are imported from."""
    while directory in sys.path:
        sys.path.remove(directory)
    sys.path.insert(0, directory)
    importlib.invalidate_caches()


def _code(path: str):
    if os.path.splitext(path)[1] == ".pyc":
        return importlib.machinery.SourcelessFileLoader("__config__", path).get_code("__config__")
    with open(path, "rb") as source:
        return compile(source.read(), path, "exec", dont_inherit=True)

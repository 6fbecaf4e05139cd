"""Which files a worker's code came from, and whether one of them differs from what was loaded (`--reload`).

All of it compares states and none of it interprets events: whoever calls `Sources.changed` may do so
whenever something may have happened. So it is the same for inotify and for polling, and a change is
seen however late somebody looks.
"""

import fnmatch
import glob
import importlib.machinery
import os
import sys
import sysconfig
import time
import traceback
from collections.abc import Iterable, Iterator
from types import ModuleType

Signature = tuple[int, int, int]
"""When a file was modified (ns), its size in bytes, its inode: another file of that name shows too."""

_FRESH = 2.0
"""Seconds for which a source is too young to be compiled for later: a .pyc notes whole seconds."""


class Sources:
    """The files that a worker's code came from. One for a process, begun before the application is loaded.

    `trees` are directories in which every file counts that one of `includes` matches; `extra` are paths
    and patterns of files that count too. `excludes` has the last word on all that nobody loaded.
    """

    def __init__(
        self, trees: Iterable[str], includes: Iterable[str], excludes: Iterable[str], extra: Iterable[str]
    ) -> None:
        self._trees = [os.path.abspath(tree) for tree in trees]
        self._includes = list(includes)
        self._excludes = list(excludes)
        self._extra = [os.path.abspath(path) for path in extra]
        self._known: dict[str, Signature | None] = {}
        self._loaded: set[str] = set()
        self._inherited: frozenset[str] = frozenset()
        self._told = 0
        self._listed: dict[str, set[str]] = {}
        self._modules: set[str] = set()

    def begin(self) -> None:
        """Note what is loaded already, and from now on each file right before it is read."""
        self._observe_loader()
        self._note_modules()
        self._inherited = frozenset(self._loaded)
        self._near(os.getcwd())
        for path in self._searched():
            self._known[path] = _signature(path)

    def failed(self, error: BaseException) -> None:
        """Note the files in which an import failed: each of them may mend it."""
        seen: set[int] = set()
        waiting: list[BaseException | None] = [error]
        while waiting:
            error = waiting.pop()
            if error is None or id(error) in seen:
                continue
            seen.add(id(error))
            waiting += [error.__cause__, error.__context__]
            for frame, _ in traceback.walk_tb(error.__traceback__):
                self._note(frame.f_code.co_filename)
            if isinstance(error, SyntaxError) and error.filename:
                self._note(error.filename)

    def grew(self) -> bool:
        """Whether files were loaded since the last look: there may be more directories to watch."""
        self._note_modules()
        before, self._told = self._told, len(self._loaded)
        return self._told > before

    def changed(self) -> str | None:
        """The first file that differs from what was loaded or seen last. Each difference is told once."""
        self._note_modules()
        found = None
        for path, before in list(self._known.items()):
            now = _signature(path)
            if now != before:
                self._known[path] = now
                found = found or path
        for path in self._searched():
            if path not in self._known:
                self._known[path] = _signature(path)
                found = found or path
        for directory in list(self._listed):
            new = self._near(directory)
            found = found or min(new, default=None)
        return found

    def is_inherited(self, path: str) -> bool:
        """Whether the file was loaded by the master, so that a new worker has it from the fork as it was."""
        return path in self._inherited

    def directories(self) -> dict[str, int]:
        """The directories in which a change may show, each with its inode: one that was replaced is another."""
        wanted = {os.path.dirname(path) for path in self._known} | self._listed.keys()
        for tree in self._trees:
            wanted.update(directory for directory, _ in self._walk(tree))
        for path in self._extra:
            wanted.update(_directories_of_pattern(path))
        there = {}
        for directory in wanted:
            directory = _nearest(directory)
            signature = _signature(directory)
            if signature is not None:
                there[directory] = signature[2]
        return there

    def _observe_loader(self) -> None:
        loader = importlib.machinery.SourceFileLoader
        path_stats, set_data = loader.path_stats, loader.set_data

        def noting_path_stats(self_, path):
            self._note(path)
            return path_stats(self_, path)

        def careful_set_data(self_, path, data, **options):
            # Compiled code is told from its source by a time in whole seconds and a size: an edit within the second
            # that keeps the size would never be seen again.
            if not _is_fresh(self_.path):
                set_data(self_, path, data, **options)

        loader.path_stats = noting_path_stats
        loader.set_data = careful_set_data

    def _note(self, path: str) -> None:
        """Note a file that is about to be read. What was noted first counts: it may have changed since."""
        if path.startswith("<"):
            return  # no file: code that Python or a program made
        path = os.path.abspath(path)
        if path in self._loaded:
            return
        self._loaded.add(path)
        self._known.setdefault(path, _signature(path))
        if _is_own(path):
            self._near(os.path.dirname(path))

    def _note_modules(self) -> None:
        """Note what no loader of source files has read: extension modules, and what was there before."""
        if len(self._modules) == len(sys.modules):
            return
        for name, module in list(sys.modules.items()):
            if name in self._modules:
                continue
            self._modules.add(name)
            file, path = _origin(module)
            if file is not None:
                self._note(file)
            for directory in path:
                if _is_own(os.path.join(directory, "")):
                    self._near(directory)

    def _near(self, directory: str) -> set[str]:
        """The source files that are new in a directory that code was loaded from. None at the first look."""
        there = {path for path in _entries(directory) if path.endswith(".py") and not self._is_excluded(path)}
        before = self._listed.get(directory)
        self._listed[directory] = there
        return set() if before is None else there - before - self._known.keys()

    def _searched(self) -> Iterator[str]:
        """The files that only settings name."""
        for tree in self._trees:
            for directory, files in self._walk(tree):
                for file in files:
                    path = os.path.join(directory, file)
                    if any(fnmatch.fnmatch(file, pattern) for pattern in self._includes):
                        yield path
        for pattern in self._extra:
            if glob.has_magic(pattern):
                yield from (path for path in glob.iglob(pattern, recursive=True) if os.path.isfile(path))
            elif os.path.exists(pattern):
                yield pattern

    def _walk(self, tree: str) -> Iterator[tuple[str, list[str]]]:
        for directory, directories, files in os.walk(tree):
            directories[:] = [name for name in directories if not self._is_excluded(os.path.join(directory, name))]
            yield directory, [name for name in files if not self._is_excluded(os.path.join(directory, name))]

    def _is_excluded(self, path: str) -> bool:
        name = os.path.basename(path)
        return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(path, pattern) for pattern in self._excludes)


_sources: Sources | None = None


def begin(trees: list[str], includes: list[str], excludes: list[str], extra: list[str]) -> None:
    """Begin to watch this process's code; once, before the application is loaded."""
    global _sources
    _sources = Sources(trees, includes, excludes, extra)
    _sources.begin()


def sources() -> Sources:
    """What `begin` made."""
    assert _sources is not None
    return _sources


def failed_asgi(text: str):
    """An ASGI application that answers every request with `text` and status 500."""
    body = (text + "\n").encode("utf-8", "replace")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]

    async def failed(scope, receive, send):
        if scope["type"] == "lifespan":
            for event in "startup", "shutdown":
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            await receive()
            await send({"type": "websocket.close"})

    return failed


def failed_wsgi(text: str):
    """The same for WSGI."""
    body = (text + "\n").encode("utf-8", "replace")
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]

    def failed(environ, start_response):
        start_response("500 Internal Server Error", headers)
        return [body]

    return failed


def _signature(path: str) -> Signature | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _is_fresh(path: str) -> bool:
    signature = _signature(path)
    return signature is not None and abs(time.time() - signature[0] / 1e9) < _FRESH


def _origin(module: object) -> tuple[str | None, list[str]]:
    """The file of a module and the directories of a package. Wakes no module that loads itself when it is used."""
    if not isinstance(module, ModuleType):
        return None, []
    names = object.__getattribute__(module, "__dict__")
    file, path = names.get("__file__"), names.get("__path__")
    if isinstance(file, str) and file.endswith((".pyc", ".pyo")) and os.path.exists(file[:-1]):
        file = file[:-1]
    try:
        directories = [os.path.abspath(item) for item in path or () if isinstance(item, str)]
    except Exception:  # a package may compute its path in any way
        directories = []
    return (os.path.abspath(file) if isinstance(file, str) else None), directories


def _is_own(path: str) -> bool:
    """Whether new files beside that one may matter: not where Python and installed packages live."""
    parts = path.split(os.sep)
    return not ({"site-packages", "dist-packages"} & set(parts) or path.startswith(_STANDARD_LIBRARY))


_STANDARD_LIBRARY = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))


def _entries(directory: str) -> list[str]:
    try:
        return [os.path.join(directory, name) for name in os.listdir(directory)]
    except OSError:
        return []


def _directories_of_pattern(path: str) -> Iterator[str]:
    """The directories in which files of that name, or the directories before them, may appear."""
    if not glob.has_magic(path):
        yield os.path.dirname(path)
        return
    parts = path.split(os.sep)
    for length in range(2, len(parts)):
        start = os.sep.join(parts[:length])
        if not glob.has_magic(os.sep.join(parts[: length + 1])):
            continue
        if glob.has_magic(start):
            yield from (found.rstrip(os.sep) for found in glob.iglob(start, recursive=True) if os.path.isdir(found))
        else:
            yield start


def _nearest(directory: str) -> str:
    """The directory, or the first one above it that exists."""
    while not os.path.isdir(directory) and directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
    return directory

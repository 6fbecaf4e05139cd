"""Finds the application that MODULE[:NAME] names, and explains the common mistakes in one line."""

import ast
import functools
import importlib
import inspect
import os

DEFAULT_NAME = "application"


class TargetMissing(Exception):
    """The module, or a package it lies in, does not exist."""


class TargetUnusable(Exception):
    """The module was imported, but what it holds under that name cannot be served."""


def load(target: str, is_factory: bool = False):
    """Return the object that `target` names, or what it returns if it is a factory.

    Raises TargetMissing or TargetUnusable with a message for the user, and whatever the user's
    own module or factory raises.
    """
    module_name, _, expression = target.partition(":")
    steps, call = _parse(expression or DEFAULT_NAME)
    module = _import_module(module_name, target)
    found = _resolve(module, steps)
    if call is None and is_factory:
        call = ast.Call(func=ast.Name(steps[-1]), args=[], keywords=[])
    app = found if call is None else _call(found, call, expression or DEFAULT_NAME)
    if app is None:
        raise TargetUnusable(f"{target!r} is None, not an application")
    if inspect.iscoroutine(app):
        app.close()
        raise TargetUnusable(f"{target!r} is a coroutine: an application factory must be a plain function")
    if not callable(app):
        raise TargetUnusable(f"{target!r} is not callable: it is of type {type(app).__name__!r}")
    return app


def speaks_asgi(app) -> bool:
    """Whether `app` is an ASGI application. Where that cannot be told it is taken for WSGI, as gunicorn does."""
    if _is_async(app):
        return True  # No WSGI application is.
    signatures = _signatures(app)
    if _any_takes(signatures, 2) == _any_takes(signatures, 3):
        if inspect.isclass(app):
            return _any_takes(signatures, 1) and inspect.iscoroutinefunction(getattr(app, "__call__", None))
        return _has_asgi_names(signatures) or _is_of(app, _ASGI_FRAMEWORKS)
    return _any_takes(signatures, 3)


def _is_async(app) -> bool:
    try:
        wrapped = inspect.unwrap(app)
    except ValueError:
        wrapped = app  # It says of itself that it wraps itself.
    return any(map(inspect.iscoroutinefunction, (app, _call_method(app), wrapped, _call_method(wrapped))))


def _has_asgi_names(signatures: list[inspect.Signature]) -> bool:
    return any(list(signature.parameters)[:1] == ["scope"] for signature in signatures)


def _is_of(app, packages: tuple[str, ...]) -> bool:
    modules = (kind.__module__ or "" for kind in type(app).__mro__)
    return any(f"{module}.".startswith(packages) for module in modules)


# Only for applications whose parameters cannot be known, such as those of compiled classes.
_ASGI_FRAMEWORKS = (
    "starlette.", "fastapi.", "quart.", "litestar.", "blacksheep.", "falcon.asgi.", "channels.",
    "django.core.handlers.asgi.", "socketio.asgi.", "engineio.async_drivers.asgi.",
)  # fmt: skip


def as_asgi(app, target: str):
    """Return `app` as an ASGI 3 callable, or raise TargetUnusable if it cannot be one.

    Only what certainly is no ASGI application is refused: anything that could take
    (scope, receive, send), or whose parameters cannot be known, passes.
    """
    signatures = _signatures(app)
    if not signatures or _any_takes(signatures, 3):
        return app
    is_async = inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(_call_method(app))
    if _any_takes(signatures, 2) and not is_async:
        raise TargetUnusable(
            f"{target!r} is a WSGI application, called with (environ, start_response): "
            "worker class 'asgi' needs an ASGI application, called with (scope, receive, send)"
        )
    if _any_takes(signatures, 1) and not is_async:
        return _from_asgi2(app)
    hint = ""
    if _any_takes(signatures, 0):
        module_name, _, name = target.partition(":")
        hint = f"; if it makes the application, pass '{module_name}:{name or DEFAULT_NAME}()'"
    raise TargetUnusable(
        f"{target!r} is not an ASGI application: it cannot be called with (scope, receive, send){hint}"
    )


def as_wsgi(app, target: str):
    """Return `app`, or raise TargetUnusable if it certainly is no WSGI application."""
    signatures = _signatures(app)
    if not signatures or _any_takes(signatures, 2):
        return app
    if _any_takes(signatures, 3):
        raise TargetUnusable(
            f"{target!r} is an ASGI application, called with (scope, receive, send): pass '--worker-class asgi' for it"
        )
    hint = ""
    if _any_takes(signatures, 0):
        module_name, _, name = target.partition(":")
        hint = f"; if it makes the application, pass '{module_name}:{name or DEFAULT_NAME}()'"
    raise TargetUnusable(
        f"{target!r} is not a WSGI application: it cannot be called with (environ, start_response){hint}"
    )


def _parse(expression: str) -> tuple[list[str], ast.Call | None]:
    """Split `app`, `package.app`, `make()` or `make(1, debug=True)` into attribute names and a call."""
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError:
        raise TargetUnusable(_not_a_name(expression)) from None
    call = tree if isinstance(tree, ast.Call) else None
    steps: list[str] = []
    node = tree if call is None else call.func
    while isinstance(node, ast.Attribute):
        steps.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise TargetUnusable(_not_a_name(expression))
    return [node.id, *steps], call


def _not_a_name(expression: str) -> str:
    return f"{expression!r} is neither the name of an application nor a call of a factory"


def _import_module(name: str, target: str):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # The user's module exists and imports something that does not.
        hint = ""
        if name.endswith(".py") and os.path.exists(name):
            right = name[:-3].replace(os.sep, ".") + target[len(name) :]
            hint = f"; did you mean {right!r}?"
        raise TargetMissing(f"no module named {error.name!r}, needed for {target!r}{hint}") from None
    except (TypeError, ValueError):
        if name and not name.startswith("."):
            raise
        raise TargetMissing(f"{target!r} does not name a module: write MODULE or MODULE:NAME") from None


def _resolve(module, steps: list[str]):
    found, path = module, module.__name__
    for step in steps:
        try:
            found = getattr(found, step)
        except AttributeError:
            holder = "module" if found is module else "object"
            raise TargetUnusable(f"{holder} {path!r} has no attribute {step!r}") from None
        path = f"{path}:{step}" if path == module.__name__ else f"{path}.{step}"
    return found


def _call(factory, call: ast.Call, expression: str):
    try:
        arguments = [ast.literal_eval(argument) for argument in call.args]
        keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    except ValueError:
        raise TargetUnusable(f"the arguments in {expression!r} must be literal values") from None
    if None in keywords:
        raise TargetUnusable(f"the arguments in {expression!r} must be literal values")
    if not callable(factory):
        raise TargetUnusable(
            f"{expression!r} calls an object of type {type(factory).__name__!r}, which is not callable"
        )
    try:
        inspect.signature(factory).bind(*arguments, **keywords)
    except TypeError as error:
        raise TargetUnusable(f"{expression!r} does not fit the factory: {error}") from None
    except ValueError:
        pass  # A built-in that does not tell its parameters.
    return factory(*arguments, **keywords)


def _signatures(app) -> list[inspect.Signature]:
    """What `app` may take: as it is, and as the function it wraps."""
    signatures = []
    for follow in (False, True):
        try:
            signatures.append(inspect.signature(app, follow_wrapped=follow))
        except (TypeError, ValueError):
            pass
    return signatures


def _any_takes(signatures: list[inspect.Signature], count: int) -> bool:
    return any(_takes(signature, count) for signature in signatures)


def _takes(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*([None] * count))
    except TypeError:
        return False
    return True


def _call_method(app):
    return None if inspect.isclass(app) else getattr(app, "__call__", None)


def _from_asgi2(app):
    """Adapt an ASGI 2 application, which is called with the scope and then with the rest."""

    @functools.wraps(app, updated=())
    async def application(scope, receive, send):
        await app(scope)(receive, send)

    return application

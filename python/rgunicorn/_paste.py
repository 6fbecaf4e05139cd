"""Paste ini files: what they say to the server, and the application that PasteDeploy makes of them."""

import configparser
import importlib.util
import os

_SERVER = "server:main"
_OURS = ("egg:gunicorn", "egg:rgunicorn")


def read(uri: str, variables: list[str]) -> tuple[str, list[tuple[str, str, int]]]:
    """Return the path of the file, and name, text and line of each setting in it.

    Raises an exception whose text is for the user where the file cannot be used.
    """
    path = os.path.abspath(uri.partition("#")[0])
    if not os.path.isfile(path):
        raise ValueError(f"there is no file {path}")
    if not _is_installed("paste") or not _is_installed("paste.deploy"):
        raise ValueError("needs PasteDeploy, which is not installed: pip install PasteDeploy")
    given = dict(variable.partition("=")[::2] for variable in variables)
    try:
        settings = _settings(path, given)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ValueError(" ".join(str(error).split())) from None
    return path, settings


def load(uri: str, variables: list[tuple[str, str]]):
    """Return the application of the file, or of the section that `uri` names after a #."""
    from paste.deploy import loadapp

    scheme = "" if ":" in uri else "config:"
    return loadapp(scheme + uri, relative_to=os.getcwd(), global_conf=dict(variables))


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _settings(path: str, variables: dict[str, str]) -> list[tuple[str, str, int]]:
    defaults = {"here": os.path.dirname(path), "__file__": path, **variables}
    parser = _parser(configparser.ConfigParser, path, defaults=_escaped(defaults))
    # Without its defaults, to know what stands in the section itself.
    plain = _parser(configparser.RawConfigParser, path, default_section="")
    settings = {}
    if plain.has_section("loggers"):
        settings["logconfig"] = path, _line(path, "loggers", None)
    if plain.get(_SERVER, "use", fallback="").startswith(_OURS):
        names = [name for name in plain.options(_SERVER) if name != "use"]
        settings.update({name: (parser.get(_SERVER, name), _line(path, _SERVER, name)) for name in names})
    return [(name, text, line) for name, (text, line) in settings.items()]


def _escaped(texts: dict[str, str]) -> dict[str, str]:
    return {name: text.replace("%", "%%") for name, text in texts.items()}


def _parser(kind, path: str, **options):
    parser = kind(strict=False, **options)
    parser.optionxform = str
    with open(path, encoding="utf-8") as file:
        parser.read_file(file)
    return parser


def _line(path: str, section: str, name: str | None) -> int:
    """The line in which a section begins, or says something under a name."""
    inside = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("["):
                inside = line.strip() == f"[{section}]"
            if inside and (name is None or line.replace(":", "=").partition("=")[0].strip() == name):
                return number
    return 1

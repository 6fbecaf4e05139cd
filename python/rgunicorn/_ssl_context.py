"""What the hook `ssl_context` works with: an object that takes the place of an `ssl.SSLContext`.

TLS is not OpenSSL's here, and the key in a context of Python's cannot be read. So this one writes down what it is told,
and the server does that. What it cannot do raises an error that names it, and never is passed over.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import Any

WITHOUT_EFFECT = (
    ssl.OP_ALL
    | ssl.OP_NO_SSLv2
    | ssl.OP_NO_SSLv3
    | ssl.OP_NO_TLSv1
    | ssl.OP_NO_TLSv1_1
    | ssl.OP_NO_COMPRESSION
    | ssl.OP_NO_RENEGOTIATION
    | ssl.OP_CIPHER_SERVER_PREFERENCE
    | ssl.OP_SINGLE_DH_USE
    | ssl.OP_SINGLE_ECDH_USE
    | ssl.OP_ENABLE_MIDDLEBOX_COMPAT
    | getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
)
"""Options that ask for what is so in any case."""

INSTEAD = {
    "sni_callback": "the setting `certificates` has one for each name",
    "set_servername_callback": "the setting `certificates` has one for each name",
    "set_alpn_protocols": "the setting `http_protocols` says what is spoken",
    "load_default_certs": "name the authorities with load_verify_locations",
    "set_default_verify_paths": "name the authorities with load_verify_locations",
    "wrap_socket": "the server does that",
    "wrap_bio": "the server does that",
}


class Context:
    """Has the attributes and methods of an `ssl.SSLContext` that mean something here."""

    protocol = ssl.PROTOCOL_TLS_SERVER
    check_hostname = False

    def __init__(self, told: dict[str, Any]) -> None:
        self.__dict__["_told"] = told

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        elif name == "check_hostname" and not value:
            pass
        else:
            raise _unsupported(name)

    def __getattr__(self, name: str) -> Any:
        raise _unsupported(name)

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        """The latest goes first, as with OpenSSL, where it takes the place of an older one with a key of its kind."""
        pair = (os.fspath(certfile), None if keyfile is None else os.fspath(keyfile))
        self._told["certificates"].insert(0, pair)
        password = password() if callable(password) else password
        if password is not None:
            self._told["password"] = password if isinstance(password, str) else bytes(password).decode()

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        for name, value in (("capath", capath), ("cadata", cadata)):
            if value is not None:
                raise _unsupported(f"load_verify_locations({name})", "put all authorities into one file")
        if cafile is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        self._told["ca_certs"] = os.fspath(cafile)

    def set_ciphers(self, ciphers: str) -> None:
        self._told["ciphers"] = ciphers

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        return ssl.VerifyMode(self._told["cert_reqs"])

    @verify_mode.setter
    def verify_mode(self, mode: int) -> None:
        self._told["cert_reqs"] = int(ssl.VerifyMode(mode))

    @property
    def minimum_version(self) -> ssl.TLSVersion:
        return ssl.TLSVersion.TLSv1_3 if self._told["minimum_version"] == "TLSv1.3" else ssl.TLSVersion.TLSv1_2

    @minimum_version.setter
    def minimum_version(self, version: int) -> None:
        """Older ones than TLS 1.2 are not spoken, whatever is allowed."""
        self._told["minimum_version"] = "TLSv1.3" if version == ssl.TLSVersion.TLSv1_3 else "TLSv1.2"

    @property
    def maximum_version(self) -> ssl.TLSVersion:
        return ssl.TLSVersion.MAXIMUM_SUPPORTED

    @maximum_version.setter
    def maximum_version(self, version: int) -> None:
        if version not in (ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_3):
            raise _unsupported("maximum_version", "TLS 1.3 is always spoken")

    @property
    def options(self) -> int:
        return ssl.OP_NO_TLSv1_2 if self._told["minimum_version"] == "TLSv1.3" else 0

    @options.setter
    def options(self, options: int) -> None:
        if options & ssl.OP_NO_TLSv1_2:
            self._told["minimum_version"] = "TLSv1.3"
        unknown = int(options) & ~int(WITHOUT_EFFECT | ssl.OP_NO_TLSv1_2)
        if unknown:
            raise _unsupported(f"options |= {ssl.Options(unknown)!r}")

    @property
    def verify_flags(self) -> ssl.VerifyFlags:
        return ssl.VerifyFlags.VERIFY_DEFAULT

    @verify_flags.setter
    def verify_flags(self, flags: int) -> None:
        if flags & (ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_CRL_CHECK_CHAIN):
            raise _unsupported("verify_flags", "the setting `crl_file` names revoked certificates")


class Unsupported(AttributeError):
    """Something that an SSLContext has, and this server's TLS has not. An AttributeError, so that `hasattr` says no."""


class NoContextOfOurs(TypeError):
    """What a hook returned is something else."""


def _unsupported(name: str, hint: str = "") -> Unsupported:
    hint = hint or INSTEAD.get(name, "")
    return Unsupported(f"this server's TLS has no SSLContext.{name}" + (f": {hint}" if hint else ""))


def translate(hook: Callable[..., Any], config: Any, told: dict[str, Any]) -> dict[str, Any]:
    """Calls the hook. Returns what it wants of TLS, in the terms of the settings."""

    def default_ssl_context_factory() -> Context:
        fresh = {name: list(value) if isinstance(value, list) else value for name, value in told.items()}
        return Context(fresh)

    given = hook(config, default_ssl_context_factory)
    if not isinstance(given, Context):
        raise NoContextOfOurs(
            "must return what default_ssl_context_factory() gives, and not "
            f"{type(given).__name__}: nobody can read the key in a context of Python's"
        )
    return given._told

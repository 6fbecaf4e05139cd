"""Settings as a Python program makes them: gunicorn's `Config`, as far as programs use it."""

from __future__ import annotations

import os
import sys
from typing import Any

from rgunicorn import _rgunicorn


class Setting:
    """One setting: its name, its default and its value, which is the default until `set` was called."""

    def __init__(self, name: str, default: Any) -> None:
        self.name = name
        self.default = default
        self.value = default
        self.is_given = False

    def get(self) -> Any:
        """The value."""
        return self.value

    def set(self, value: Any) -> None:
        """Check `value`, convert it as a configuration file's would be, and take it.

        Raises `ValueError` or `TypeError` with the name of the setting and what is allowed.
        """
        self.value = _rgunicorn.checked_setting(self.name, value)
        self.is_given = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} = {self.value!r}>"


class Config:
    """Every setting as an attribute to read, all of them by name in `settings`, and `set` to change one."""

    settings: dict[str, Setting]

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.settings = {name: Setting(name, default) for name, default in _rgunicorn.known_settings()}
        self.usage = usage
        self.prog = prog or os.path.basename(sys.argv[0])
        self.env_orig = os.environ.copy()

    def __getattr__(self, name: str) -> Any:
        if name == "settings" or name not in self.settings:
            raise AttributeError(f"No configuration setting for: {name}")
        return self.settings[name].get()

    def __setattr__(self, name: str, value: object) -> None:
        if name != "settings" and name in self.settings:
            raise AttributeError("Invalid access!")
        super().__setattr__(name, value)

    def set(self, name: str, value: Any) -> None:
        """Give the setting `name` a value. Upper and lower case are the same.

        Raises `AttributeError` if there is no such setting, and `ValueError` or `TypeError` if it cannot
        have that value.
        """
        setting = self.settings.get(name.lower())
        if setting is None:
            _rgunicorn.checked_setting(name, value)  # says what may have been meant
            raise AttributeError(f"No configuration setting for: {name}")
        setting.set(value)

    def given(self) -> dict[str, Any]:
        """The settings that were set, with their values."""
        return {name: setting.value for name, setting in self.settings.items() if setting.is_given}

    def __str__(self) -> str:
        width = max(map(len, self.settings))
        return "\n".join(f"{name:{width}} = {setting.value!r}" for name, setting in sorted(self.settings.items()))

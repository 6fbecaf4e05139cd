"""How an event loop that knows nothing of the server gives it its turns."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Guest(Protocol):
    """What has its turns on the loop of others."""

    def fileno(self) -> int:
        """The descriptor that is readable when a turn is due."""
        ...

    def turn(self) -> None:
        """Do what is due."""
        ...


class Turns:
    """The turns of one guest, until `end` is called."""

    def __init__(self, loop: asyncio.AbstractEventLoop, guest: Guest) -> None:
        self._loop = loop
        self._guest = guest
        self._bell = guest.fileno()
        self._is_in_turn = False
        self._is_muted = False
        loop.add_reader(self._bell, self._take)

    def end(self) -> None:
        """No more turns."""
        self._is_muted = False
        self._loop.remove_reader(self._bell)

    def _take(self) -> None:
        if self._is_in_turn:
            # An application runs a loop within the loop. Until it returns nothing can be served.
            self._loop.remove_reader(self._bell)
            self._is_muted = True
            return
        self._is_in_turn = True
        try:
            self._guest.turn()
        finally:
            self._is_in_turn = False
            if self._is_muted:
                self._is_muted = False
                self._loop.add_reader(self._bell, self._take)

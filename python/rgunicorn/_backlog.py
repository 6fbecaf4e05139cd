"""How many clients wait to be accepted, as Linux tells it (tcp(7), TCP_INFO)."""

import os
import socket
import struct

_UNACKED = 24
"""Where `tcpi_unacked` is, which for a listening socket is the length of its queue."""


def waiting(descriptors: list[int]) -> int:
    """The clients at all of these listening TCP sockets together."""
    return sum(map(_waiting_at, descriptors))


def _waiting_at(descriptor: int) -> int:
    with socket.socket(fileno=os.dup(descriptor)) as listener:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("=I", info, _UNACKED)[0]

"""Stands for uvloop while uvloop's own tests run: the loop is ours, the tests' tools are theirs."""

import asyncio
import os

from rgunicorn.eventloop import EventLoop as Loop
from rgunicorn.eventloop import new_event_loop, run

__all__ = ["EventLoopPolicy", "Loop", "install", "new_event_loop", "run"]


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    _loop_factory = staticmethod(new_event_loop)


def install():
    asyncio.set_event_loop_policy(EventLoopPolicy())


__path__.append(os.path.join(os.environ["UVLOOP_SOURCES"], "uvloop"))

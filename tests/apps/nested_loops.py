"""Runs the loop within the loop by nest_asyncio, which patches asyncio when the application is imported, or in a request."""

import asyncio

import nest_asyncio
from control import http_only, respond


async def answer():
    await asyncio.sleep(0.001)
    return b"nested"


def synchronous():
    return asyncio.get_event_loop().run_until_complete(answer())


@http_only
async def late(scope, receive, send):
    nest_asyncio.apply(asyncio.get_running_loop())
    await asyncio.sleep(0)
    await respond(send, synchronous())


@http_only
async def early(scope, receive, send):
    await asyncio.sleep(0)
    await respond(send, synchronous())


def make_early():
    nest_asyncio.apply()
    return early

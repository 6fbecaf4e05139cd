"""The event loop without the server: python -m soak.eventloop_alone SECONDS

Says `ready`, begins with USR1, prints what happened as a line of JSON, and ends with TERM. Before and after it
has the same tasks, and is looked at from outside.
"""

import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

import rgunicorn.eventloop
from soak.mixed import Mix


async def main(seconds):
    loop, begin, end = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, begin.set)
    loop.add_signal_handler(signal.SIGTERM, end.set)
    print("ready", flush=True)
    await begin.wait()
    tasks = [len(asyncio.all_tasks())]
    with tempfile.TemporaryDirectory(prefix="rgunicorn-soak-") as folder:
        outcome = await Mix(seconds, 0, Path(folder)).run()
    await asyncio.sleep(1)  # what was aborted last ends
    tasks.append(len(asyncio.all_tasks()))
    print(json.dumps({**outcome, "tasks": tasks}), flush=True)
    await end.wait()


if __name__ == "__main__":
    rgunicorn.eventloop.run(main(float(sys.argv[1])))

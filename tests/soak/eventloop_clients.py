"""The client of a soak of the event loop in a worker: python -m soak.eventloop_clients HOST PORT SECONDS SEED KIND

Asks for the mix, and meanwhile for other things now and then.
"""

import asyncio
import json
import sys

from soak.clients import Clients, Wire, request


class Asks(Clients):
    async def run(self, seconds):
        asyncio.get_running_loop().call_later(seconds, self.ending.set)
        outcome, _ = await asyncio.gather(self.mixed(seconds), self.others())
        self.answered.update(outcome["answered"])
        self.provoked.update(outcome["provoked"])
        self.failures += outcome["failures"]
        self.waits, self.memory = outcome["waits"], outcome["memory"]

    async def mixed(self, seconds):
        wire = await Wire(self.address).open()
        await wire.send(request("GET", f"/mixed/{seconds}"))
        _, body = await wire.read_answer()
        wire.close()
        return json.loads(body)

    async def others(self):
        while not self.ending.is_set():
            wire = await Wire(self.address).open()
            for kind in self.echo, self.stream, self.file, self.item, self.pipeline:
                await kind(wire)
                self.answered[f"request: {kind.__name__}"] += 1
            wire.close()
            await self.pause(self.random.random())


async def main(host, port, seconds, seed, kind):
    clients = Asks((host, int(port)), seed, kind)
    await clients.run(float(seconds))
    names = ("answered", "provoked", "failures", "waits", "memory")
    print(json.dumps({name: getattr(clients, name) for name in names}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""TLS in a server within a program's own loop."""

import asyncio
import os

import httpx
import rgunicorn


async def hello(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("HTTP only")
    body = scope["scheme"].encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def shown(context, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    certificate = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return certificate


def test_a_program_serves_over_tls_and_takes_new_files_into_use(authority):
    mine, new = authority.issue("localhost"), authority.issue("localhost")
    context = authority.client().context

    async def main():
        settings = {"certfile": str(mine.certfile), "keyfile": str(mine.keyfile), "bind": "127.0.0.1:0"}
        async with rgunicorn.Server(hello, **settings) as server:
            assert server.addresses[0].startswith("https://127.0.0.1:")
            async with httpx.AsyncClient(verify=context) as client:
                assert (await client.get(f"https://localhost:{server.port}")).text == "https"
            before = await shown(context, server.port)
            os.replace(new.keyfile, mine.keyfile)
            os.replace(new.certfile, mine.certfile)
            while await shown(context, server.port) == before:
                pass  # pytest's deadline ends the test if it never comes

    asyncio.run(main())

"""The aiohttp server of the live tests, run as a program: web_server.py PORT."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

BIG = bytes(range(256)) * 20_000  # 5 MB

routes = web.RouteTableDef()


@routes.get("/text")
async def text(_: web.Request) -> web.Response:
    return web.Response(text="grüße\n", headers={"X-Twice": "1"})


@routes.get("/chunked")
async def chunked(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for part in (b"one ", b"two ", b"three"):
        await response.write(part)
        await asyncio.sleep(0.02)
    await response.write_eof()
    return response


@routes.get("/close")
async def until_close(request: web.Request) -> web.StreamResponse:
    """HTTP/1.0: no length, ended by the close."""
    response = web.StreamResponse(headers={"Connection": "close"})
    await response.prepare(request)
    await response.write(b"until the end")
    return response


@routes.get("/big")
async def big(_: web.Request) -> web.Response:
    return web.Response(body=BIG)


@routes.post("/echo")
async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


if __name__ == "__main__":
    application = web.Application(client_max_size=1 << 26)
    application.add_routes(routes)
    web.run_app(application, host=None, port=int(sys.argv[1]), print=None, handle_signals=True)

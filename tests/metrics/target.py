"""A server whose answers are asked for by path, and clients that ask."""

from __future__ import annotations

from aiohttp import ClientSession, web


async def answer(request: web.Request) -> web.Response:
    """`/STATUS/SIZE`: so many bytes with this status."""
    await request.read()
    _, status, size = request.path.split("/")
    return web.Response(status=int(status), body=b"x" * int(size))


async def ask(port: int, method: str = "GET", path: str = "/200/5", *, count: int = 1, body: bytes = b"") -> None:
    async with ClientSession() as session:
        for _ in range(count):
            async with session.request(method, f"http://127.0.0.1:{port}{path}", data=body or None) as response:
                await response.read()

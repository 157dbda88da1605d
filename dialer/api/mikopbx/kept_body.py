"""A body of any length, kept in memory that is not the daemon's own: a process can take it over."""

import os
from collections.abc import AsyncIterable
from typing import BinaryIO

from aiohttp import web


async def kept(body: AsyncIterable[bytes], most_bytes: int) -> BinaryIO:
    """As it comes in. Raises HTTPRequestEntityTooLarge, and HTTPServiceUnavailable when there is no memory."""
    try:
        file = os.fdopen(os.memfd_create("body"), "w+b", buffering=0)
    except OSError as error:
        raise unavailable(f"no memory for the body: {error.strerror}") from error
    try:
        async for some in body:
            _write(file, some, most_bytes)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _write(file: BinaryIO, some: bytes, most_bytes: int) -> None:
    size = file.tell() + len(some)
    if size > most_bytes:
        raise web.HTTPRequestEntityTooLarge(most_bytes, size)
    rest = memoryview(some)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise unavailable(f"no memory for the body: {error.strerror}") from error


def unavailable(why: str) -> web.HTTPException:
    return web.HTTPServiceUnavailable(reason=f"{why}; try again later")

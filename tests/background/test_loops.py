"""A worker's loops end for nothing that one look meets."""

import asyncio

from background.loops import repeat

HOUR = 3600.0


async def test_what_fails_is_done_by_a_later_look() -> None:
    looks = 0
    again = asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ValueError("a row that nobody can read")
        again.set()

    loop = asyncio.create_task(repeat("test", look, 0.01))
    async with asyncio.timeout(10):
        await again.wait()
    loop.cancel()


async def test_there_is_no_pause_while_there_is_more_to_do() -> None:
    left = [1, 2, 3]
    done = asyncio.Event()

    async def look() -> bool:
        left.pop()
        if not left:
            done.set()
        return bool(left)

    loop = asyncio.create_task(repeat("test", look, HOUR))
    async with asyncio.timeout(10):
        await done.wait()
    loop.cancel()

"""Concurrency follows the latency that it causes."""

import asyncio

import pytest

from hub.adaptive_limit import AdaptiveLimit

TARGET = 0.05


async def run(limit: AdaptiveLimit, calls: int, seconds: float) -> int:
    """Calls that take so long each; how many were under way at most."""
    under_way = most = 0

    async def one() -> None:
        nonlocal under_way, most
        async with limit.slot():
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(seconds)
            under_way -= 1

    await asyncio.gather(*(one() for _ in range(calls)))
    return most


async def test_quick_calls_raise_the_limit_up_to_its_most() -> None:
    limit = AdaptiveLimit(10, most=5)
    assert limit.limit == 1
    assert await run(limit, 60, 0) <= 5
    assert limit.limit == 5


async def test_slow_calls_lower_it_but_never_below_its_least() -> None:
    limit = AdaptiveLimit(10, most=8, least=2)
    await run(limit, 100, 0)
    assert limit.limit == 8
    slow = AdaptiveLimit(0, most=8, least=2)
    slow._limit = 8.0
    await run(slow, 40, 0.002)
    assert slow.limit == 2


async def test_never_more_under_way_than_the_limit() -> None:
    assert await run(AdaptiveLimit(0, most=8), 10, 0.001) == 1


async def test_calls_that_began_together_lower_it_once() -> None:
    limit = AdaptiveLimit(0, most=12)
    limit._limit = 12.0
    await run(limit, 12, 0.01)
    assert limit.limit == 8


async def test_a_failure_gives_its_place_back_and_teaches_nothing() -> None:
    limit = AdaptiveLimit(10, most=5)
    for _ in range(20):
        with pytest.raises(RuntimeError):
            async with limit.slot():
                raise RuntimeError
    assert limit.limit == 1
    assert await run(limit, 1, 0) == 1

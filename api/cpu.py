"""Work that takes a processor for long, away from the event loop: other requests go on meanwhile."""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Result = TypeVar("Result")

# One thread: while several computed, the event loop would get its turn after each of them only.
_THREAD: Final = ThreadPoolExecutor(1, thread_name_prefix="cpu")
OBJECTS_PER_COLLECTION: Final = 50_000


async def off_loop(work: Callable[[], Result]) -> Result:
    """The result of `work`, which runs in a thread of its own; what it raises is raised here.

    The interpreter changes threads every 5 ms, but not within one call of its C code: hand long data over in pieces.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)


def tune_garbage_collection() -> None:
    """Spare collections what was imported, and have fewer: they stop all threads, and parsed JSON causes many."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_PER_COLLECTION, 20, 20)

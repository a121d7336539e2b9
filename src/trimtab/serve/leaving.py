"""Work that nobody waits for any more is stopped: a client that hangs up frees what its request holds."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from trimtab.serve.errors import ApiError

Result = TypeVar("Result")


async def while_there(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """What ``work`` gives or raises; cancelled where the client leaves, which is ApiError 499 that nobody reads.

    ``receive``: the request's wire, its body read.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ApiError(499, "The client left before its answer was there.", code="client_closed")
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

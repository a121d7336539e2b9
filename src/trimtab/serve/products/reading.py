"""A body read once: kept while its product is chosen, then handed on as if it came from the wire."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from starlette.types import Message, Receive

from trimtab.serve.errors import ApiError


@dataclass
class Body:
    """What has arrived of a request's body, and the rest of its wire.

    Awaited, it gives each message that was read, then those still to come: a gateway reads it as if nobody had before.
    """

    wire: Receive
    _read: deque[Message] = field(default_factory=deque)

    async def read(self, limit: int, seconds: float) -> bytes:
        """The body; cut off above ``limit`` bytes or where the client leaves, which its reader will notice again.
        Raises ApiError 408 when it does not come."""
        data, more = bytearray(), True
        try:
            async with asyncio.timeout(seconds):
                while more and len(data) <= limit:
                    message = await self.wire()
                    self._read.append(message)
                    data += message.get("body", b"")
                    more = message.get("more_body", False)
        except TimeoutError as error:
            raise ApiError(408, "The body did not arrive in time.", code="timeout") from error
        return bytes(data)

    async def __call__(self) -> Message:
        return self._read.popleft() if self._read else await self.wire()

"""Whether a reply has left: its last byte was taken before its client went away."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Leaving:
    """The reply, unchanged; ``ended`` is told once whether the client has it all."""

    def __init__(self, reply: ASGIApp, ended: Callable[[bool], None]) -> None:
        self._reply, self._ended = reply, ended
        self._left = self._gone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def heard() -> Message:
            message = await receive()
            self._gone |= message["type"] == "http.disconnect" and not self._left
            return message

        async def said(message: Message) -> None:
            await send(message)
            self._left |= message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self._reply(scope, heard, said)
        finally:
            self._ended(self._left and not self._gone)

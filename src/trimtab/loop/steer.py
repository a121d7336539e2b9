"""Commands to the canary: an intent in the store, carried out by the gateway's controller, or here where none runs."""

import time
from collections.abc import Callable, Mapping

from trimtab.loop.controller import Controller
from trimtab.loop.presence import alone
from trimtab.loop.workspace import Workspace
from trimtab.records import UserError

_WAIT_SECONDS = 120.0  # a release is opened and proven before the answer: seconds, on a busy machine half a minute


def steer(
    workspace: Workspace,
    kind: str,
    payload: Mapping[str, str],
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Write the intent and see it done. Raises UserError with the controller's word where it refuses."""
    store, now = workspace.store, clock()
    number = store.intents.add(kind, payload, time=now)
    with alone(workspace.state) as free:
        if free:
            controller_here(workspace).tick(now)
    while (intent := store.intents.get(number)) is None or intent.outcome is None:
        if clock() - now > _WAIT_SECONDS:
            raise UserError("the gateway has not answered", fix="It will act when it is back: see `trimtab status`")
        sleep(0.1)
    if error := intent.outcome.get("error"):
        raise UserError(str(error))


def controller_here(workspace: Workspace) -> Controller:
    """A controller with no gateway beside it: it moves aliases and state, a gateway reads them when it starts."""
    config = workspace.config
    return Controller(workspace.store, config.canary, config.slo, None)

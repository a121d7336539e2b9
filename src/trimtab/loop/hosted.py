"""One release behind our API on a free loopback port, for other programs to ask; nothing that is asked is kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from trimtab.loop.behaviour import open_arm
from trimtab.loop.workspace import Workspace
from trimtab.records import Behaviour, Feedback, Trace
from trimtab.serve import Gateway, Served, beside, bind, create_app
from trimtab.tools import Rehearsal


class _Unkept:
    """A sink that keeps nothing: an examiner's questions are no traffic to learn from."""

    def trace(self, trace: Trace) -> None:
        return None

    def feedback(self, feedback: Feedback) -> None:
        return None


@contextmanager
def hosted(workspace: Workspace, behaviour: Behaviour) -> Iterator[str]:
    """The URL (without ``/v1``) where the release answers for the length of the block; its tools only rehearse."""
    arm = open_arm(workspace.store, behaviour, workspace.config.serving, Rehearsal(), apart=True)
    caps = arm.engine.caps
    gateway = Gateway(_Unkept(), config=workspace.config.gateway)
    gateway.set_arms(
        Served(behaviour.digest, arm.assistant, arm.close, arm.chat.complete, caps.context, caps.kv_tokens)
    )
    with beside(create_app(gateway), bind("127.0.0.1", 0)) as url:
        yield url

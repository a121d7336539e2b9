"""A shop whose answers people judge, through the sink that the gateway writes to."""

from dataclasses import replace

from trimtab.loop.reap import Reaped, reap
from trimtab.loop.workspace import Workspace
from trimtab.observe import StoreSink
from trimtab.records import Feedback, Message, Trace, Verdict
from trimtab.store import Decision
from trimtab.text import scrub

TRIP = (Verdict("pii", "block", "R1", "an email address"),)


class Shop:
    """``now`` is the clock: what expires by it is purged when ``purge`` is called."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.store, self.now = workspace, workspace.store, 1000.0
        self.sink = StoreSink(self.store, scrub, workspace.config.serving.capture, clock=lambda: self.now)

    def configured(self, **backlog: object) -> "Shop":
        """The same shop with another ``data.backlog``."""
        config = self.workspace.config
        data = config.data.model_copy(update={"backlog": config.data.backlog.model_copy(update=backlog)})
        other = Shop(Workspace(self.workspace.root, config.model_copy(update={"data": data})))
        other.now = self.now
        return other

    def trace(
        self,
        id: str,
        question: str,
        answer: str = "It depends.",
        *,
        tenant: str = "shop",
        error: str = "",
        trip: bool = False,
    ) -> Trace:
        turns = () if error else (Message("assistant", answer),)
        prompt = (Message("user", question),)
        made = Trace(
            id, self.now, tenant, "u1", "stable", "r1", prompt, turns, "error" if error else "stop", error=error
        )
        return replace(made, verdicts=TRIP if trip else ())

    def serve(self, *traces: Trace) -> None:
        self.sink.traces(traces)

    def ask(self, id: str, question: str, answer: str = "It depends.") -> None:
        self.serve(self.trace(id, question, answer))

    def say(self, id: str, trace: str, **said: object) -> None:
        self.sink.feedback(Feedback(id, trace, self.now, **said))  # type: ignore[arg-type]

    def reap(self) -> Reaped:
        return reap(self.workspace, who="test", now=self.now)

    def state(self, event: str) -> dict[str, str]:
        """Queue -> state, as the event's rows stand."""
        return {one.queue: one.state for one in self.standing() if one.event == event}

    def standing(self) -> list[Decision]:
        return self.store.backlog.standing()

    def learnt(self, queue: str) -> str:
        return (self.workspace.root / f"data/harvest/{queue}.jsonl").read_text()

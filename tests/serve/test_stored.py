"""The gateway over the real sink and store: exact text for harvest, no personal data in the telemetry."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trimtab.observe import CapturePolicy, Meter, StoreSink, signals
from trimtab.store import Store
from trimtab.text import scrub

_MAIL = "bob.miller@example.com"


def test_a_flagged_answer_is_kept_exactly_and_told_without_personal_data(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    with Store.open(tmp_path) as store:
        now = [1000.0]
        sink = StoreSink(store, scrub, CapturePolicy(recent_seconds=60, kept_seconds=600), clock=lambda: now[0])
        made = bench(sink=sink, find_trace=store.traces.get, meter=Meter(3600.0, lambda: now[0]))
        flagged, plain = (made.ask(f"I am {_MAIL}", user=_MAIL).json()["id"] for _ in range(2))
        said = {"trace": flagged, "edit": f"Hello {_MAIL}.", "user": _MAIL}
        for _ in range(2):
            assert made.client.post("/v1/feedback", json=said).status_code == 200
        now[0] += 100
        made.ask("bye")
        made.gateway.outbox.close()

        exact = store.capture.get(flagged)
        assert exact is not None
        assert (exact.prompt[0].content, exact.token_ids) == (f"I am {_MAIL}", (1, 2, 3))
        assert [row.edit for row in store.capture.feedback(flagged)] == [f"Hello {_MAIL}."]
        assert store.capture.get(plain) is None
        assert not any(_MAIL.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())

        (arm,) = signals(store, now=now[0])
        assert (arm.requests, arm.signals["complaint"].events, arm.cost.helpful) == (3, 1, 2)
        assert len({trace.user for trace in store.traces.query()[:2]} | {store.feedback.all()[0][1].user}) == 1

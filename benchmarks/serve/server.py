"""The gateway under measurement: the real one, with keys, limits, traces and admission, over the embedded engine."""

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.channel import Channel
from trimtab.engine import Chat, Sampling, open_engine
from trimtab.model import Dialect
from trimtab.observe import Meter, StoreSink
from trimtab.records import Message
from trimtab.serve import AdmissionConfig, Gateway, KeyedTenants, ServeConfig, Served, bind, create_app, run_server
from trimtab.serve.tenants import issue_key
from trimtab.store import Store
from trimtab.text import scrub
from trimtab.tools import Assistant, Limits

_TENANT = {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000, "daily_dollars": 1e6}
_CONFIG = ServeConfig(admission=AdmissionConfig(min_in_flight=32, queue_seconds=60.0))


def main() -> None:
    """Serves the job's model until it is ended; says its URL and a key on standard output."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    channel, folder = Channel(), Path(job["model"])
    engine = open_engine("openvino", folder, apart=True, precision=job["precision"])
    chat = Chat(engine, Dialect.of(folder))
    chat.tokens((Message("user", "Hello"),))  # as ``loop.behaviour.open_arm`` does
    limits = Limits(tokens=job["new_tokens"])
    assistant = Assistant(chat.reply, limits=limits, sampling=Sampling(max_tokens=job["new_tokens"]))
    served = Served(engine.weights, assistant, engine.close, chat.complete, engine.caps.context, engine.caps.kv_tokens)
    with tempfile.TemporaryDirectory() as state, Store.open(Path(state)) as store:
        store.tenants.put("bench", _TENANT, time=time.time())
        key, record = issue_key("bench", now=time.time())
        store.tenants.add_key(record)
        tenants = KeyedTenants(store.tenants, store.spending, time.time)
        gateway = Gateway(
            StoreSink(store, scrub, clock=time.time),
            config=_CONFIG,
            tenants=tenants,
            meter=Meter(0.1, time.perf_counter),
        )
        gateway.set_arms(served)
        run_server(
            create_app(gateway, tasks={"tenants": tenants.run}),
            listener=bind("127.0.0.1", 0),
            on_ready=lambda url: channel.say(url=url, key=key, model=_CONFIG.name),
            drain=gateway,
        )


if __name__ == "__main__":
    main()

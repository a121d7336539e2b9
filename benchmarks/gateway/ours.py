"""Our gateway as a process: keys with limits, traces redacted into a real store, the support policy's guards."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.channel import Channel
from benchmarks.gateway.engines import Batching, Forwarding, instant
from trimtab.guard import PolicyGuards, load_policy
from trimtab.observe import Meter, StoreSink
from trimtab.serve import Gateway, KeyedTenants, ServeConfig, Served, create_app, run_server
from trimtab.serve.tenants import Limits, Tenant, issue_key
from trimtab.store import Store
from trimtab.templates import write_workspace
from trimtab.text import scrub
from trimtab.tools import Assistant, Index, ReplyFn, Toolbox, load_documents, load_tools
from trimtab.tools import Limits as PlanLimits

LIMITS = Limits(600_000, 500_000_000, 2_000, 1e6, 1e7)
"""Every limit is there to be checked, and none of them bites: what is refused is refused by admission."""
_DOLLARS_PER_HOUR = 4.0


def assistant(folder: Path, store: Store, reply: ReplyFn) -> Assistant:
    """The support template's assistant, with ``reply`` for its model."""
    write_workspace(folder)
    toolbox: Toolbox = load_tools(folder / "tools" / "tools.yaml", store, Index(load_documents(folder / "knowledge")))
    guards = PolicyGuards(load_policy(folder / "policy" / "policy.md"))
    system = (folder / "system.md").read_text("utf-8").strip()
    return Assistant(reply, toolbox, guards, PlanLimits(4, 60.0, 288), system)


def engine(job: dict[str, Any]) -> ReplyFn:
    """The engine that the job names."""
    if "upstream" in job:
        return Forwarding(job["upstream"])
    return Batching(**job["batching"]) if "batching" in job else instant


def keys(store: Store, names: list[str]) -> dict[str, str]:
    """A tenant of each name with every limit set, and its key."""
    now, issued = time.time(), {}
    for name in names:
        store.tenants.put(name, Tenant(name, limits=LIMITS).to_json(), time=now)
        issued[name], record = issue_key(name, now=now)
        store.tenants.add_key(record)
    return issued


def main() -> None:
    """Serve until SIGTERM, in a folder that is made afresh."""
    channel, job = Channel(), json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder = Path(job["folder"])
    shutil.rmtree(folder, ignore_errors=True)
    with Store.open(folder / ".trimtab") as store:
        issued = keys(store, job["tenants"])
        tenants = KeyedTenants(store.tenants, store.spending, time.time)
        gateway = Gateway(
            StoreSink(store, scrub, clock=time.time),
            config=ServeConfig.model_validate(job.get("config", {})),
            find_trace=store.traces.get,
            tenants=tenants,
            meter=Meter(_DOLLARS_PER_HOUR, time.perf_counter),
        )
        gateway.set_arms(Served("b" * 64, assistant(folder, store, engine(job))))
        app = create_app(gateway, tasks={"tenants": tenants.run})
        run_server(app, port=0, on_ready=lambda url: channel.say(url=url, keys=issued), drain=gateway)


if __name__ == "__main__":
    main()

"""Adapters on the wire: asked for by name, named in header and trace, kept from the canary's evidence, or a 404."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trimtab.records import trace_from_json
from trimtab.serve import ApiError, Served
from trimtab.serve.arms import Arms
from trimtab.serve.tenants import Tenant
from trimtab.tools import Assistant


async def _mute(*args: Any, **fields: Any) -> Any:
    raise AssertionError("nobody speaks here")


def with_adapter(served: Served, under: Served, name: str = "legal") -> Served:
    return replace(served, adapters={name: replace(under, release=served.release, adapter=f"{name}@{'d' * 64}")})


def test_an_adapter_answers_under_its_own_name_and_is_named_everywhere(bench: Any, served: Any, model_of: Any) -> None:
    base, legal = model_of(["The base."]), model_of(["The law."])
    here = bench(stable=with_adapter(served("a" * 64, base), served("a" * 64, legal)))
    answer = here.ask(model="trimtab:legal")
    assert answer.json()["choices"][0]["message"]["content"] == "The law."
    assert answer.json()["model"] == f"trimtab@{'a' * 12}:legal"
    assert answer.headers["x-trimtab-adapter"] == f"legal@{'d' * 64}"
    assert answer.headers["x-trimtab-release"] == "a" * 64
    again = here.ask(model=answer.json()["model"], stream=True)
    assert "The" in again.text
    assert again.headers["x-trimtab-adapter"] == answer.headers["x-trimtab-adapter"]
    plain = here.ask()
    assert plain.json()["choices"][0]["message"]["content"] == "The base."
    assert "x-trimtab-adapter" not in plain.headers
    assert (len(legal.seen), len(base.seen)) == (2, 1)
    traces = here.settle()
    assert [(trace.adapter, trace.pinned) for trace in traces] == [(f"legal@{'d' * 64}", True)] * 2 + [("", False)]
    assert trace_from_json(traces[0].to_json()) == traces[0]
    old = {name: value for name, value in traces[2].to_json().items() if name != "adapter"}
    assert trace_from_json(old) == traces[2], "traces written before there were adapters can be read"


def test_legacy_completions_take_the_adapter_too(bench: Any, served: Any, model_of: Any) -> None:
    legal = model_of(["goes on"])
    here = bench(stable=with_adapter(served("a" * 64, model_of()), served("a" * 64, legal)))
    answer = here.client.post("/v1/completions", json={"model": "trimtab:legal", "prompt": "It"})
    assert answer.json()["choices"][0]["text"] == "goes on"
    assert answer.headers["x-trimtab-adapter"].startswith("legal@")


@pytest.mark.parametrize("name", ["trimtab:nobody", "trimtab:", "trimtab:legal:x", ":legal", "trimtab@ff:legal"])
def test_an_unknown_adapter_is_a_404_and_never_the_base(bench: Any, served: Any, model_of: Any, name: str) -> None:
    base = model_of()
    here = bench(stable=with_adapter(served("a" * 64, base), served("a" * 64, model_of())))
    answer = here.ask(model=name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert base.seen == []
    assert here.ask(model="trimtab:legal").status_code == 200, "nothing is held by what was refused"


def test_allowed_models_and_the_list_know_adapters(bench: Any, served: Any, model_of: Any) -> None:
    stable = with_adapter(served("a" * 64, model_of()), served("a" * 64, model_of()))
    tenants = {"all": Tenant("all"), "base": Tenant("base", ("trimtab",)), "law": Tenant("law", ("trimtab:legal",))}

    class Door:
        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def __init__(self) -> None:
            from trimtab.serve.tenants import door_of

            self._inner = door_of(None)

        def authenticate(self, authorization: str) -> Tenant:
            return tenants[authorization.removeprefix("Bearer ")]

    here = bench(stable=stable, tenants=Door())

    def seen(who: str) -> list[str]:
        rows = here.client.get("/v1/models", headers={"authorization": f"Bearer {who}"}).json()["data"]
        return [row["id"] for row in rows]

    def status(who: str, model: str) -> int:
        return int(here.ask(model=model, headers={"authorization": f"Bearer {who}"}).status_code)

    assert seen("all") == ["trimtab", f"trimtab@{'a' * 12}", "trimtab:legal"]
    assert (seen("base"), seen("law")) == (["trimtab"], ["trimtab:legal"])
    assert [status("base", name) for name in ("trimtab", "trimtab:legal")] == [200, 404]
    assert [status("law", name) for name in ("trimtab", "trimtab:legal")] == [404, 200]


def test_a_request_under_an_adapter_keeps_its_releases_engine_open(served: Callable[..., Served]) -> None:
    closed: list[str] = []
    old = Served("old", Assistant(_mute), lambda: closed.append("old"))
    arms = Arms("m", lambda: 0.0)
    arms.set(with_adapter(old, Served("old", Assistant(_mute))))
    lease = arms.lease("m:legal", "u")
    arms.set(Served("new", Assistant(_mute)))
    with pytest.raises(ApiError):
        arms.lease("m:legal", "u")
    for thread in arms._closers:
        thread.join()
    assert closed == []
    arms.release(lease)
    arms.close()
    assert closed == ["old"]


def test_a_real_engine_serves_its_adapter_by_name_and_says_its_weights(tmp_path: Path) -> None:
    import asyncio

    from tests.engine.test_adapters import make_adapter

    from trimtab.engine import Chat, TorchEngine
    from trimtab.loop.adapters import with_adapters
    from trimtab.model import Dialect, tiny_random_model
    from trimtab.records import Message, UserError

    base = tiny_random_model(tmp_path / "base")
    folder = make_adapter(base, tmp_path / "legal", 3, 4, ("q_proj", "down_proj"))
    engine = TorchEngine(base)
    chat = Chat(engine, Dialect.of(base))
    plain = Served("a" * 64, Assistant(chat.reply), engine.close, chat.complete)
    found = with_adapters(plain, chat, {"legal": folder})
    ask = [Message("user", "hi")]
    said: Any = asyncio.run(found.adapters["legal"].assistant.reply(ask))
    bare: Any = asyncio.run(found.assistant.reply(ask))
    name, digest = found.adapters["legal"].adapter.split("@")
    assert (name, said.weights, bare.weights) == ("legal", f"{engine.weights}+{digest}", engine.weights)
    assert said.token_ids != bare.token_ids
    with pytest.raises(UserError, match="no adapter_config"):
        with_adapters(plain, chat, {"none": base})
    assert engine._worker._closed, "a release that cannot be served whole is closed"

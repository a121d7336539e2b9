"""What of a prompt the engine still has to compute tells a tenant of its own requests and of nobody else's."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.serve.conftest import Memory
from tests.serve.tenants.test_interleavings import Wire

import trimtab.serve.exchange
from trimtab.engine import Chat, Sampling, TorchEngine
from trimtab.engine.kv import Row
from trimtab.model import Dialect, tiny_random_model
from trimtab.serve import Gateway, Served, create_app
from trimtab.tools import Assistant

_NAMES = ("acme", "other", "third")
_PROMPTS = ("My account is 4711.", "My account is 4712.", "My account", "Weather?")
Rounds = Sequence[Mapping[str, str]]
"""Each tenant's prompt of each round; those of one round are asked at once."""
ROUNDS = st.lists(
    st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(_PROMPTS), min_size=1), min_size=2, max_size=5
)


class Watched:
    """A torch engine's chat; ``computed`` are the prompt tokens that each tenant's requests had computed."""

    def __init__(self, folder: Any) -> None:
        self.engine = TorchEngine(folder)
        self.chat = Chat(self.engine, Dialect.of(folder))
        self.prefixes = cast(Any, self.engine._stepper._prefixes)
        self.find: Callable[..., Row | None] = self.prefixes.find
        self.prefixes.find = self._find
        self.computed: list[int] = []

    def _find(self, ids: Sequence[int], scope: str = "") -> Row | None:
        row = self.find(ids, scope)
        self.computed.append(len(ids) - (0 if row is None else row.length))
        return row

    def counts(self, rounds: Rounds) -> dict[str, list[int]]:
        """Tokens computed for each tenant's requests in turn, from an empty cache."""
        self.prefixes.clear()
        return asyncio.run(self._counts(rounds))

    async def _counts(self, rounds: Rounds) -> dict[str, list[int]]:
        gateway = Gateway(Memory(), tenants=lambda token: token if token in _NAMES else None)
        gateway.set_arms(Served("c" * 64, Assistant(self.chat.reply, sampling=Sampling(1))))
        app, counts = create_app(gateway), defaultdict[str, list[int]](list)
        for asked in rounds:
            self.computed.clear()
            wires = [self._ask(app, name, prompt) for name, prompt in asked.items()]
            await asyncio.gather(*(wire.task for wire in wires))
            assert [wire.status for wire in wires] == [200] * len(wires)
            for name, count in zip(asked, self.computed, strict=True):  # admitted as they arrived
                counts[name].append(count)
        await gateway.close()
        return counts

    def _ask(self, app: Any, name: str, prompt: str) -> Wire:
        body = {"model": "trimtab", "messages": [{"role": "user", "content": prompt}], "max_tokens": 1}
        return Wire(app, "/v1/chat/completions", {"authorization": f"Bearer {name}"}, body)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    made = Watched(tiny_random_model(tmp_path_factory.mktemp("private") / "tiny"))
    yield made
    made.engine.close()


def _check(watched: Watched, rounds: Rounds) -> None:
    together = watched.counts(rounds)
    for name in together:
        alone = watched.counts([{name: asked[name]} for asked in rounds if name in asked])
        assert together[name] == alone[name], f"{name} can tell what others asked"


_MANY = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@_MANY
@given(rounds=ROUNDS)
def test_no_tenant_can_tell_from_its_prompts_cost_what_another_asked(watched: Watched, rounds: Rounds) -> None:
    _check(watched, rounds)


def test_a_tenants_own_prefix_is_computed_once(watched: Watched) -> None:
    first, again = watched.counts([{"acme": _PROMPTS[0]}, {"acme": _PROMPTS[0]}])["acme"]
    assert first > again == 1


def test_a_shared_scope_is_noticed(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shared:
        def set(self, scope: str) -> None:
            """Everybody is one."""

    monkeypatch.setattr(trimtab.serve.exchange, "CACHE_SCOPE", Shared())
    with pytest.raises(AssertionError, match="other can tell"):
        _check(watched, [{"acme": _PROMPTS[0]}, {"other": _PROMPTS[0]}])

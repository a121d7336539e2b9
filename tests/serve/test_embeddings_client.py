"""The official client embeds over a real socket by a real (tiny) model, and chats go on beside it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from tests.serve.conftest import Memory
from tests.serve.test_client import Site

from trimtab.serve import Gateway

NAME = "trimtab:embeddings"


@pytest.fixture(scope="module")
def real(random_weights: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A tiny random model that chats and one that embeds, behind a real socket."""
    from trimtab.engine import TextEmbedder
    from trimtab.model import tiny_random_model

    gateway = Gateway(Memory(), tenants={"key-1": "acme"}.get)
    gateway.set_arms(random_weights)
    gateway.embedder = TextEmbedder(tiny_random_model(tmp_path_factory.mktemp("embed") / "tiny", seed=3))
    site = Site(gateway, None, gateway.outbox)
    yield site
    site.stop()


def test_the_official_client_embeds_by_default_in_base64_and_in_floats(real: Site) -> None:
    create = real.client.embeddings.create
    packed, plain = (
        create(model=NAME, input="The kettle."),
        create(model=NAME, input="The kettle.", encoding_format="float"),
    )
    assert len(packed.data[0].embedding) == 64
    assert packed.data[0].embedding == plain.data[0].embedding
    assert sum(x * x for x in packed.data[0].embedding) == pytest.approx(1.0, abs=1e-5)
    assert packed.usage.prompt_tokens == packed.usage.total_tokens > 0
    many = create(model=NAME, input=["The kettle.", "A cat."])
    assert [row.index for row in many.data] == [0, 1]
    assert create(model=NAME, input=[5, 6, 7]).usage.prompt_tokens == 3
    assert len(create(model=NAME, input=[[5, 6], [7]]).data) == 2
    assert NAME in [model.id for model in real.client.models.list()]
    with pytest.raises(openai.BadRequestError) as long:
        create(model=NAME, input=["ok", "z" * 5000])
    assert (long.value.param, "4096" in long.value.message) == ("input[1]", True)
    with pytest.raises(openai.NotFoundError):
        create(model="trimtab", input="hi")
    with pytest.raises(openai.AuthenticationError), real.client_with("wrong") as stranger:
        stranger.embeddings.create(model=NAME, input="hi")


def test_chats_and_embeddings_do_not_disturb_each_other(real: Site) -> None:
    texts = [f"text number {n}" for n in range(6)]
    alone = [real.client.embeddings.create(model=NAME, input=text).data[0].embedding for text in texts]
    chat: Any = real.client.chat.completions.create

    def said(n: int) -> Any:
        fields = {"model": "trimtab", "seed": n, "max_tokens": 12, "messages": [{"role": "user", "content": "hi"}]}
        return chat(**fields).choices[0].message.content

    before = [said(n) for n in range(4)]
    with ThreadPoolExecutor(8) as pool:
        vectors = [pool.submit(real.client.embeddings.create, model=NAME, input=text) for text in texts]
        answers = [pool.submit(said, n) for n in range(4)]
        assert [one.result().data[0].embedding for one in vectors] == alone
        assert [one.result() for one in answers] == before
    real.until(lambda: real.gateway.idle)

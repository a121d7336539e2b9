"""Meanings at the door: the named model embeds the rows, texts of any length among them, and only where it is asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from trimtab.curate import CurateConfig
from trimtab.engine import TextEmbedder
from trimtab.loop.embedding import meaning, quarantine_embedder, vectors
from trimtab.loop.steps.data import curated_now
from trimtab.loop.workspace import find_workspace
from trimtab.records import Silent, UserError


@pytest.fixture(scope="module")
def embedder(tiny_model: Path) -> Iterator[TextEmbedder]:
    opened = TextEmbedder(tiny_model)
    yield opened
    opened.close()


def test_a_texts_vector_is_the_served_one(embedder: TextEmbedder) -> None:
    texts = ["Where is my order?", "Grüße"]
    served = np.array(embedder.embed(embedder.prepare(texts)).result(60))
    assert vectors(embedder, texts) == pytest.approx(served, abs=1e-5)


def test_a_text_beyond_the_context_is_the_mean_of_its_parts_by_tokens(embedder: TextEmbedder) -> None:
    text = "x" * (embedder.context + 5)
    parts = embedder.parts(text)
    assert len(parts) > 1
    assert max(map(len, parts)) == embedder.context
    each = np.array(embedder.embed(parts).result(60))
    mean = (each * [[len(ids)] for ids in parts]).sum(0) / sum(map(len, parts))
    assert vectors(embedder, [text])[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_a_text_without_tokens_is_like_no_other(embedder: TextEmbedder) -> None:
    assert (vectors(embedder, ["", "a"])[0] == 0).all()
    assert vectors(embedder, []).shape == (0, embedder.dimensions)


@pytest.mark.parametrize("config", [{"embeddings": "some/model"}, {"dedupe": {"semantic": 0.9}}])
def test_nothing_embeds_where_it_is_not_asked_or_not_named(config: dict[str, Any]) -> None:
    assert meaning(CurateConfig.model_validate(config)) is None


def test_a_model_that_cannot_be_had_is_told_by_its_field(tmp_path: Path) -> None:
    embed = meaning(CurateConfig.model_validate({"dedupe": {"semantic": 0.9}, "embeddings": str(tmp_path)}))
    assert embed is not None
    with pytest.raises(UserError, match="embedding model cannot be used") as caught:
        embed(["a"])
    assert caught.value.field == "data.embeddings"


def test_a_workspace_that_names_a_model_loses_rows_that_mean_the_same(tiny_workspace: Path, tiny_model: Path) -> None:
    before = curated_now(find_workspace(tiny_workspace), Silent())
    assert before.report.findings.get("dedupe", {})["semantic"] == "not looked for"
    file = tiny_workspace / "trimtab.yaml"
    config = yaml.safe_load(file.read_text("utf-8"))
    config["data"] |= {"embeddings": str(tiny_model), "dedupe": {"semantic": 0.05, "numbers_matter": False}}
    file.write_text(yaml.safe_dump(config), "utf-8")
    after = curated_now(find_workspace(tiny_workspace), Silent())
    gone = [drop for drop in after.report.drops if drop.reason == "same meaning"]
    assert gone
    assert len(after.report.rows) == len(before.report.rows) - len(gone)


def test_the_quarantine_compares_by_the_same_model_and_reads_a_text_to_its_end(
    tiny_workspace: Path, tiny_model: Path, embedder: TextEmbedder
) -> None:
    file = tiny_workspace / "trimtab.yaml"
    config = yaml.safe_load(file.read_text("utf-8"))
    config["data"]["quarantine"] = {"embedding": 0.9}
    file.write_text(yaml.safe_dump(config), "utf-8")
    with pytest.raises(UserError) as unnamed:
        quarantine_embedder(find_workspace(tiny_workspace))
    assert unnamed.value.field == "data.embeddings"
    config["data"]["embeddings"] = str(tiny_model)
    file.write_text(yaml.safe_dump(config), "utf-8")
    found = quarantine_embedder(find_workspace(tiny_workspace))
    assert found is not None
    long = "x" * (embedder.context + 5)
    assert found.name == embedder.weights
    assert found.unit([long, long + " and another end"]) == pytest.approx(
        vectors(embedder, [long, long + " and another end"]), abs=1e-5
    )
    assert found.unit([long])[0] != pytest.approx(found.unit([long + " and another end"])[0], abs=1e-5)

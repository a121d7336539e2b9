"""The cache's size in tokens is layers × 2 × heads × width × bytes, and unknown where the config does not say."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from trimtab.engine.kv import cache_of, row_of
from trimtab.engine.kv_size import kv_bytes, paged_bytes, paged_tokens


def test_a_models_own_cache_has_the_size_that_is_told(tiny: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    cache = cache_of(None, 0)
    with torch.no_grad():
        model(torch.ones(1, 7, dtype=torch.long), past_key_values=cache, use_cache=True)
    assert row_of(cache).bytes == 7 * kv_bytes(tiny, 4)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"num_attention_heads": 0, "hidden_size": 8}', '{"num_attention_heads": "x"}']
)
def test_what_the_config_does_not_say_is_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    assert paged_tokens(tmp_path, 1 << 30, "bf16") == 0


def test_shared_heads_and_an_own_head_width_count(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 64}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert kv_bytes(tmp_path, 2) == 3 * 2 * 2 * 8 * 2
    (tmp_path / "config.json").write_text(json.dumps({**config, "head_dim": 16}), encoding="utf-8")
    token = 3 * 2 * 2 * 16 * 2
    assert paged_bytes(tmp_path, "bf16") == token
    assert paged_tokens(tmp_path, 100 * token, "bf16") == 96  # whole blocks of 32


def test_a_quantised_cache_pays_for_its_scales(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "hidden_size": 576}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert paged_bytes(tmp_path, "f32") == 46_080
    assert paged_bytes(tmp_path, "u8") == 30 * 3 * (80 + 72)  # a value row carries its scale, a block of keys shares

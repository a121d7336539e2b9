"""The test model is small, loadable and the same for the same seed."""

from pathlib import Path

from trimtab.model import Dialect, load, load_tokenizer, tiny_random_model, weights_digest


def test_one_seed_makes_one_model(tmp_path: Path) -> None:
    first, again, other = (tiny_random_model(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert weights_digest(first) == weights_digest(again) != weights_digest(other)


def test_it_is_below_a_megabyte_and_ends_a_turn_as_chatml_does(tiny: Path) -> None:
    assert sum(file.stat().st_size for file in tiny.iterdir()) < 1_000_000
    tokenizer = load_tokenizer(tiny)
    assert tokenizer.eos_token_id == Dialect.of(tiny).stop_ids[0]
    assert load(tiny).config.vocab_size == len(tokenizer) < 320


def test_it_can_take_another_folders_tokenizer(tiny: Path, tmp_path: Path) -> None:
    twin = tiny_random_model(tmp_path / "twin", tokenizer_from=tiny)
    assert (twin / "tokenizer.json").read_bytes() == (tiny / "tokenizer.json").read_bytes()
    assert Dialect.of(twin).digest == Dialect.of(tiny).digest

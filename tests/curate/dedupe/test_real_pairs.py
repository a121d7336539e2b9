"""Pairs that people made: what differs in a number is kept apart, and nothing unlike is taken for one."""

from pathlib import Path

from benchmarks.dedupe.pairs import found_in


def test_changed_numbers_are_never_merged_and_shuffled_words_are_no_duplicates(shared_data: Path) -> None:
    found = {(row.name, row.threshold, row.numbers_matter): row for row in found_in(shared_data / "neardup_pairs")}
    assert found["gsm8k_number_changed", 0.8, True].right == 0
    assert found["gsm8k_number_changed", 0.8, False].right > 0.7 * found["gsm8k_number_changed", 0.8, False].alike
    assert all(row.wrong == 0 for row in found.values() if row.threshold == 0.8)

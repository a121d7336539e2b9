"""The index of signatures that grows row by row: it finds what is alike at its threshold."""

from itertools import pairwise

import numpy as np

from trimtab.curate.near import NearIndex, band_rows, signature

STEM = (
    "please tell me how I can send the blue kettle back to the shop when its lid is broken and the receipt is gone"
    " since I threw the box away last week"
)


def test_bands_are_as_wide_as_recall_allows() -> None:
    for threshold in (0.5, 0.7, 0.8, 0.9):
        width = band_rows(threshold)
        assert 1 - (1 - threshold**width) ** (128 // width) >= 0.99
    assert all(a <= b for a, b in pairwise(band_rows(t) for t in (0.5, 0.7, 0.8, 0.9, 1.0)))


def test_a_pair_at_the_threshold_is_found_and_one_below_is_not() -> None:
    index, sign = NearIndex(0.75), signature(STEM)
    index.add(sign)
    at, below = sign.copy(), sign.copy()
    at[96:] ^= np.uint32(1)
    below[95:] ^= np.uint32(1)
    assert index.alike(sign) == [(0, 1.0)]
    assert index.alike(at) == [(0, 0.75)]
    assert index.alike(below) == []


def test_the_index_grows_beyond_its_first_size() -> None:
    index = NearIndex(0.9)
    signs = [signature(f"{STEM} {'x' * i} {'y' * i} {i}") for i in range(150)]
    assert [index.add(sign) for sign in signs] == list(range(150))
    assert all(index.alike(sign)[0][1] == 1.0 for sign in signs)

"""FlexAttention's block mask is the forest's ancestry. Forward only: on the CPU it knows no backward."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.forest.test_attention import forests

from trimtab.train.forest.attention import attend_by_mask
from trimtab.train.forest.batch import Segments
from trimtab.train.forest.flex import attend_by_blocks, block_mask, can_flex

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
CPU = torch.device("cpu")
FOREST = Segments((0, 5, 9), (5, 4, 6), (-1, 0, 0), (15, 9, 15))


def visible(forest: Segments) -> torch.Tensor:
    """[T, T] by the definition: own segment causally, and all ancestors."""
    segment = torch.repeat_interleave(torch.arange(len(forest.length)), torch.tensor(forest.length)).tolist()
    out = torch.zeros(len(segment), len(segment), dtype=torch.bool)
    for query, own in enumerate(segment):
        path = {own}
        above = forest.parent[own]
        while above >= 0:
            path.add(above)
            above = forest.parent[above]
        for key in range(query + 1):
            out[query, key] = segment[key] in path
    return out


@settings(deadline=None, max_examples=25)
@given(st.composite(forests)())
def test_the_mask_is_the_ancestry(forest: Segments) -> None:
    total = sum(forest.length)
    at = torch.arange(total)
    mask_mod = block_mask(forest, CPU).mask_mod
    assert torch.equal(mask_mod(at[:1], at[:1], at[:, None], at[None, :]), visible(forest))


@settings(deadline=None, max_examples=15)
@given(st.composite(forests)(), st.sampled_from([1, 2, 4]))
def test_values_equal_the_masked_twin(forest: Segments, heads: int) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, count, sum(forest.length), 16) for count in (4, heads, heads))
    fast = attend_by_blocks(query, key, value, forest, 0.3)
    assert torch.allclose(fast, attend_by_mask(query, key, value, forest, 0.3), atol=1e-5)


def test_a_wrong_tree_is_seen() -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 2, 15, 16) for _ in range(3))
    wrong = Segments(FOREST.start, FOREST.length, (-1, 0, 1), (15, 15, 15))
    fast = attend_by_blocks(query, key, value, FOREST, 0.3)
    assert not torch.allclose(fast, attend_by_mask(query, key, value, wrong, 0.3), atol=1e-2)


def test_the_mask_is_made_once_a_batch_and_not_once_an_address() -> None:
    assert block_mask(FOREST, CPU) is block_mask(FOREST, CPU)
    same = Segments(FOREST.start, FOREST.length, FOREST.parent, FOREST.subtree_end)
    assert block_mask(same, CPU) is not block_mask(FOREST, CPU)


def test_it_is_for_accelerators_and_their_formats() -> None:
    cuda = torch.device("cuda")
    assert can_flex(torch.bfloat16, cuda, 64)
    assert not can_flex(torch.bfloat16, CPU, 64)
    assert not can_flex(torch.float64, cuda, 64)
    assert not can_flex(torch.float32, cuda, 8)

"""A forest holds exactly the rows it was made of, each shared prefix once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.train.conftest import random_groups, sequence

from trimtab.train.forest.batch import Batch, Group
from trimtab.train.forest.plant import cut, pack, packed_tokens, plant

tokens = st.lists(st.integers(0, 2), min_size=2, max_size=9)
rows = st.lists(st.tuples(tokens, st.integers(1, 8)), min_size=1, max_size=8)


def groups_of(rows: list[tuple[list[int], int]]) -> list[Group]:
    return [(sequence(ids, min(scored, len(ids) - 1), example=str(i)),) for i, (ids, scored) in enumerate(rows)]


def ancestors(batch: Batch, row: int) -> list[int]:
    """The packed rows that ``row`` may attend to, by the definition: own segment up to it, and all ancestors."""
    segment = next(s for s, (a, n) in enumerate(zip(batch.seg_start, batch.seg_len, strict=True)) if a <= row < a + n)
    seen = list(range(batch.seg_start[segment], row + 1))
    while (segment := batch.seg_parent[segment]) >= 0:
        start = batch.seg_start[segment]
        seen = [*range(start, start + batch.seg_len[segment]), *seen]
    return seen


@given(rows, st.sampled_from([1, 3, 32]), st.booleans())
def test_every_scored_token_is_predicted_from_exactly_its_own_prefix(
    rows: list[tuple[list[int], int]], min_saving: int, share: bool
) -> None:
    groups = groups_of(rows)
    batch = plant(groups, 1.0, share=share, min_saving=min_saving)
    expected = [(s.ids_L[:i].tolist(), int(s.ids_L[i])) for (s,) in groups for i in s.scored_N]
    found = [
        (batch.input_ids[ancestors(batch, row)].tolist(), target)
        for row, target in zip(batch.score_row.tolist(), batch.target_ids.tolist(), strict=True)
    ]
    assert found == expected
    positions = [batch.position_ids[ancestors(batch, row)].tolist() for row in batch.score_row.tolist()]
    assert all(path == list(range(len(path))) for path in positions)


@given(rows, st.sampled_from([1, 32]))
def test_segments_are_laid_out_depth_first(rows: list[tuple[list[int], int]], min_saving: int) -> None:
    batch = plant(groups_of(rows), 1.0, min_saving=min_saving)
    segments = batch.segments
    assert all(length > 0 for length in segments.length)
    assert list(segments.start) == np.cumsum([0, *segments.length[:-1]]).tolist()
    for index, above in enumerate(segments.parent):
        assert above < index
        if above >= 0:
            assert segments.start[above] + segments.length[above] <= segments.start[index]
            assert segments.start[index] + segments.length[index] <= segments.subtree_end[above]


@given(rows)
def test_with_no_price_on_segments_the_packed_tokens_are_the_nodes_of_the_prefix_tree(
    rows: list[tuple[list[int], int]],
) -> None:
    groups = groups_of(rows)
    inputs = [s.ids_L[: s.scored_N[-1]].tolist() for (s,) in groups]
    nodes = {tuple(ids[: i + 1]) for ids in inputs for i in range(len(ids))}
    assert plant(groups, 1.0, min_saving=1).processed_tokens == len(nodes)


def test_rows_of_one_system_prompt_compute_it_once() -> None:
    groups = random_groups(0, system=100, groups=10)
    batch = plant(groups, 1.0)
    own = sum(len(s.ids_L) - 1 - 100 for (s,) in groups)
    assert batch.processed_tokens == 100 + own
    assert batch.real_tokens == sum(len(s.ids_L) for (s,) in groups)
    assert plant(groups, 1.0, share=False).processed_tokens == 1000 + own


def test_a_pair_shares_its_prompt_and_all_pairs_their_system_prompt() -> None:
    groups = random_groups(1, system=100, groups=3, pair=True)
    batch = plant(groups, 3.0)
    assert batch.seg_parent.count(-1) == 1
    assert batch.processed_tokens < plant(groups, 3.0, share=False).processed_tokens / 3
    assert batch.label.tolist() == [1, -1] * 3
    assert batch.seq_group.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_prefix_that_saves_little_is_copied_instead() -> None:
    pair = [(sequence([1, 2, 3, 4], 1),), (sequence([1, 2, 5, 6], 1),)]
    assert plant(pair, 1.0).seg_parent == (-1, -1)
    assert plant(pair, 1.0, min_saving=1).seg_parent == (-1, 0, 0)


@given(rows, st.integers(1, 40), st.booleans())
def test_micro_batches_hold_every_group_once_and_keep_the_budget(
    rows: list[tuple[list[int], int]], budget: int, share: bool
) -> None:
    groups = groups_of(rows)
    parts = cut(groups, budget, share=share)
    assert sorted(s.example_id for part in parts for (s,) in part) == sorted(s.example_id for (s,) in groups)
    assert all(len(part) == 1 or packed_tokens(part, share=share) <= budget for part in parts)


def test_rows_that_share_a_prefix_meet_in_one_micro_batch() -> None:
    a, b = random_groups(2, system=60, groups=4), random_groups(3, system=60, groups=4)
    mixed = [group for both in zip(a, b, strict=True) for group in both]
    batches = pack(mixed, 160, 1.0)
    assert len(batches) == 2
    assert all(batch.seg_parent.count(-1) == 1 for batch in batches)


def test_a_sequence_with_nothing_to_score_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="nothing to score"):
        plant([(sequence([1, 2, 3], 0),)], 1.0)

"""The mix: shares are met or the shortfall is said, and the seed decides alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.config import MixConfig
from trimtab.curate.mix import mix, quotas
from trimtab.curate.place import Placed
from trimtab.records import Example, Message, UserError


def rows(**counts: int) -> list[Placed]:
    return [
        Placed(Example((Message("user", f"{action} {i}"), Message("assistant", "x")), labels={"action": action}), "set")
        for action, count in counts.items()
        for i in range(count)
    ]


def taken(found: tuple[Placed, ...]) -> Counter[str]:
    return Counter(placed.row.labels["action"] for placed in found)


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 1), min_size=1), st.integers(0, 500))
def test_quotas_sum_to_the_total_and_are_within_one_of_their_share(raw: dict[str, float], total: int) -> None:
    shares = {name: share / sum(raw.values()) for name, share in raw.items()}
    found = quotas(shares, total)
    assert sum(found.values()) == total
    assert all(abs(found[name] - share * total) < 1 + 1e-9 for name, share in shares.items())


def test_shares_are_met_and_a_shortfall_is_said() -> None:
    mixed = mix(rows(answer=100, defer=5), MixConfig(shares={"answer": 3, "defer": 1}, total=40))
    assert taken(mixed.rows) == {"answer": 30, "defer": 5}
    assert (mixed.strata["defer"].wanted, mixed.strata["defer"].short, mixed.strata["answer"].short) == (10, 5, 0)
    assert len(mixed.drops) == 70


def test_without_a_total_the_scarcest_stratum_sets_it() -> None:
    mixed = mix(rows(answer=100, defer=5), MixConfig(shares={"answer": 0.75, "defer": 0.25}))
    assert taken(mixed.rows) == {"answer": 15, "defer": 5}
    assert all(stratum.short == 0 for stratum in mixed.strata.values())


def test_without_shares_the_strata_keep_theirs() -> None:
    assert taken(mix(rows(answer=60, defer=20), MixConfig(total=8)).rows) == {"answer": 6, "defer": 2}
    assert len(mix(rows(answer=60, defer=20), MixConfig()).rows) == 80


def test_a_stratum_without_a_share_is_left_out_and_named() -> None:
    mixed = mix(rows(answer=3, decline=2), MixConfig(shares={"answer": 1}))
    assert taken(mixed.rows) == {"answer": 3}
    assert {drop.detail for drop in mixed.drops} == {"decline"}


def test_the_seed_and_the_rows_decide_not_their_order() -> None:
    given_rows, config = rows(answer=50, defer=50), MixConfig(total=20)
    one, again = mix(given_rows, config, 1), mix(given_rows[::-1], config, 1)
    assert [placed.row.id for placed in one.rows] == [placed.row.id for placed in again.rows]
    assert {placed.row.id for placed in one.rows} != {placed.row.id for placed in mix(given_rows, config, 2).rows}


def test_a_heavier_source_is_drawn_more_often() -> None:
    light = rows(answer=1000)
    heavy = [
        Placed(
            Example((Message("user", f"h {i}"), Message("assistant", "x")), labels={"action": "answer"}), "h", weight=3
        )
        for i in range(1000)
    ]
    sources = Counter(placed.source for placed in mix(light + heavy, MixConfig(total=200), 0).rows)
    assert 120 < sources["h"] < 180


def test_labels_are_joined_and_an_absent_one_is_none() -> None:
    config = MixConfig(by=("source", "domain", "action"), shares={"set/none/answer": 1})
    assert len(mix(rows(answer=4), config).rows) == 4


def test_no_row_in_any_stratum_is_a_persons_mistake() -> None:
    with pytest.raises(UserError, match="answer, defer"):
        mix(rows(answer=1, defer=1), MixConfig(shares={"decline": 1}))

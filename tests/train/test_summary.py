"""A run's log in a few numbers: each kind of step by itself, and only what led to the model that is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.train.course import Line
from trimtab.train.summary import measures, own_losses


def line(step: int, loss: float, **more: float) -> Line:
    fixed = {"step": step, "learning_rate": 1.0, "tokens_real": 9, "tokens_processed": 3, "seconds": 0.1}
    return {**fixed, "loss": loss, **more}


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 9)), min_size=1, max_size=30).filter(
        lambda rows: not all(refresh for refresh, _ in rows)
    )
)
def test_refreshes_never_mix_with_the_methods_own_steps(rows: list[tuple[bool, float]]) -> None:
    log = [line(step, loss, **({"refresh": 1.0} if refresh else {})) for step, (refresh, loss) in enumerate(rows)]
    own = [loss for refresh, loss in rows if not refresh]
    others = [loss for refresh, loss in rows if refresh]
    found = measures(log)
    assert own_losses(log) == tuple(own)
    tail = own[-max(1, len(own) // 4) :]
    assert found["loss"] == pytest.approx(sum(tail) / len(tail))
    assert ("refresh_loss" in found) == bool(others)
    if others:
        tail = others[-max(1, len(others) // 4) :]
        assert found["refresh_loss"] == pytest.approx(sum(tail) / len(tail))
    assert not {"refresh", "step", "seconds", "refresh_step"} & set(found)


def test_readings_are_the_first_and_the_last_not_means() -> None:
    log = [line(0, 1.0, **{"start/kl": 0.1}), line(1, 1.0, **{"monitor/kl": 0.2}), line(2, 1.0, **{"monitor/kl": 0.6})]
    found = measures([*log, line(3, 1.0)])
    assert (found["start/kl"], found["monitor/kl"]) == (0.1, 0.6)


def test_steps_that_were_given_up_count_for_nothing() -> None:
    log = [line(0, 4.0, **{"start/kl": 0.1}), line(1, 3.0, **{"monitor/kl": 0.2}), line(2, 9.0), line(3, 9.0)]
    log[-1] |= {"monitor/kl": 0.9, "stopped_at": 4, "stepped_back_to": 2}
    found = measures(log)
    assert (found["loss"], found["monitor/kl"]) == (3.0, 0.2)
    assert (found["stopped_at"], found["stepped_back_to"]) == (4, 2)
    log[-1]["stepped_back_to"] = 0
    assert "monitor/kl" not in measures(log)
    assert measures(log)["start/kl"] == 0.1
    log[-1].pop("stepped_back_to")
    assert measures(log)["monitor/kl"] == 0.9

"""The page stands alone, says in words what it draws, and its axes are round."""

import json
import math
import re
import xml.etree.ElementTree as xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.train.curves.page import HEIGHT, WIDTH, number, page, span, ticks
from trimtab.train.curves.panels import Curves, Limit, Panel

LOSS = Panel("loss", tuple((float(step), 2.0 / step) for step in range(1, 41)))
KL = Panel("kl</script>", ((0.0, 0.0), (40.0, 0.2)), (), (Limit(((0.0, 0.1), (40.0, 0.1)), "above"),), monitor=True)
CURVES = Curves("dpo", 40, (LOSS, KL), ((10, 12),), {"tokens": 900, "computed": 300, "seconds": 90, "speed": 10})


def drawings(text: str) -> list[xml.Element]:
    return [xml.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def test_the_page_asks_nobody_for_anything() -> None:
    text = page(CURVES)
    assert not re.search(r"https?:|src=|@import|url\((?!#)", text)
    assert "{{" not in text


def test_a_panel_a_curve_each_well_formed_and_within_its_frame() -> None:
    found = drawings(page(CURVES))
    assert len(found) == 2
    for drawing in found:
        for line in drawing.iter("polyline"):
            for point in line.attrib["points"].split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= WIDTH
                assert -HEIGHT <= y <= 2 * HEIGHT


def test_the_curves_are_told_in_words() -> None:
    assert 'aria-label="loss: 2 at first, 0.05 at last, between 0.05 and 2 over 40 points"' in page(CURVES)


def test_thresholds_and_refreshes_are_drawn_where_there_are_any() -> None:
    plain = page(Curves("sft", 40, (LOSS,)))
    assert 'class="limit"' not in plain
    assert 'class="band"' not in plain
    text = page(CURVES)
    assert text.count('class="limit"') == 1
    assert text.count('class="beyond"') == 1
    assert text.count('class="band"') == 2
    assert "SFT refresh" in text


def test_names_cannot_break_out_of_the_page() -> None:
    assert "kl</script>" not in page(CURVES)


def test_the_values_under_the_pointer_are_those_of_the_log() -> None:
    found = re.search(r"const DATA = (\{.*?\}), FRAME", page(CURVES))
    assert found is not None
    assert json.loads(found[1])["p1"] == [[0, 0], [40, 0.2]]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_round_and_within(low: float, reach: float) -> None:
    found = ticks(low, low + reach)
    assert 1 <= len(found) <= 11
    slack = 1e-6 * reach + 8 * math.ulp(abs(low) + reach)
    assert all(low - slack <= tick <= low + reach + slack for tick in found)
    if len(found) > 1:
        step = found[1] - found[0]
        mantissa = step / 10 ** math.floor(math.log10(step) + 1e-6)
        rounding = 10 * math.ulp(max(abs(low), abs(low + reach))) / step
        assert min(abs(mantissa - round_) for round_ in (1, 2, 5, 10)) < 1e-3 + rounding


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234567, "1,234,567"), (12.3456, "12.35"), (0.5, "0.5"), (2e-5, "2e-5"), (-1.25e-7, "-1.25e-7")],
)
def test_numbers_read_well(value: float, text: str) -> None:
    assert number(value) == text


def test_one_spike_does_not_flatten_a_curve() -> None:
    spiked = Panel("x", tuple((float(i), 100.0 if i == 0 else 1 + i / 200) for i in range(200)))
    assert span(spiked)[1] < 5


@pytest.mark.parametrize("value", [3e-4, 0.0, -2.0])
def test_a_flat_curve_has_room_and_ticks_that_differ(value: float) -> None:
    low, high = span(Panel("x", ((1.0, value), (2.0, value))))
    assert low < value < high
    labels = [number(tick) for tick in ticks(low, high)]
    assert len(set(labels)) == len(labels) > 1


def test_one_step_is_one_step() -> None:
    assert "sft · 1 step<" in page(Curves("sft", 1, (Panel("loss", ((1.0, 2.0),)),)))

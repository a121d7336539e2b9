"""The configuration is one strict tree that loads without torch."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from trimtab.train import PreferenceConfig, TrainConfig, TrainReport, report_from_json


def test_reading_a_configuration_does_not_load_torch() -> None:
    code = "import sys, trimtab.train; trimtab.train.TrainConfig(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "wrong",
    [{"epoch": 2}, {"loss": "hinge"}, {"epochs": 0}, {"learning_rate": 0}, {"warmup": 1.0}, {"lora": {"rank": 0}}],
)
def test_what_it_does_not_know_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainConfig.model_validate(wrong)


def test_the_misleading_loss_is_documented_with_its_warning() -> None:
    assert "WARNING" in PreferenceConfig.model_json_schema()["properties"]["loss"]["description"]


def test_a_report_survives_its_file() -> None:
    report = TrainReport(2, (0.7, 0.6), 100, 40, 1.5, {"accuracy": 1.0}, ("a note",))
    assert report_from_json(report.to_json()) == report

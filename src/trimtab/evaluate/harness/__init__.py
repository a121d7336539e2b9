"""Other harnesses (Inspect, lm-eval) run against a release through the OpenAI API, their scores in our scorecard."""

from trimtab.evaluate.harness.job import Job
from trimtab.evaluate.harness.result import Reported, Result, scorecard_of
from trimtab.evaluate.harness.run import HARNESSES, run_harness

__all__ = ["HARNESSES", "Job", "Reported", "Result", "run_harness", "scorecard_of"]

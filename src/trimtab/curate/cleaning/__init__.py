"""Cleaning: what every row passes first, so that what is learnt is text, turns, calls and sources that hold."""

from trimtab.curate.cleaning.config import BoilerplateConfig, CleaningConfig, LicencesConfig
from trimtab.curate.cleaning.stage import clean_stage

__all__ = ["BoilerplateConfig", "CleaningConfig", "LicencesConfig", "clean_stage"]

"""Preference hygiene: whom to believe, what to weigh down, what to throw out, and negatives that are hard to tell."""

from trimtab.curate.preferences.config import AnnotatorsConfig, PreferencesConfig, TemplatesConfig
from trimtab.curate.preferences.negatives import tricky_negatives
from trimtab.curate.preferences.stage import preference_stage

__all__ = ["AnnotatorsConfig", "PreferencesConfig", "TemplatesConfig", "preference_stage", "tricky_negatives"]

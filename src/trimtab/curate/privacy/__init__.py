"""Personal data at the door: out of every row, behind placeholders that only the vault can turn back."""

from trimtab.curate.privacy.config import PrivacyConfig
from trimtab.curate.privacy.discreet import discreet
from trimtab.curate.privacy.hide import Hidden, hide
from trimtab.curate.privacy.restore import restore
from trimtab.curate.privacy.stage import VAULT, Vault, privacy_stage, references

__all__ = ["VAULT", "Hidden", "PrivacyConfig", "Vault", "discreet", "hide", "privacy_stage", "references", "restore"]

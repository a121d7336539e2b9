"""Personal data at the door: out of every row, behind placeholders that only the vault can turn back."""

from trimtab.curate.privacy.config import PrivacyConfig
from trimtab.curate.privacy.hide import Hidden, hide
from trimtab.curate.privacy.restore import restore
from trimtab.curate.privacy.stage import PRIVACY, Vault, Vaulted, privacy_stage

__all__ = ["PRIVACY", "Hidden", "PrivacyConfig", "Vault", "Vaulted", "hide", "privacy_stage", "restore"]

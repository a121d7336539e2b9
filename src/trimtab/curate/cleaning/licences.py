"""Licences by their SPDX names and consent as given, refused or unknown; who may be learnt from."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from trimtab.curate.cleaning.config import LicencesConfig

Given = Literal["given", "refused", "unknown"]
NONE = "none"

_SPDX = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2 0": "Apache-2.0",
    "asl 2 0": "Apache-2.0",
    "mit": "MIT",
    "bsd": "BSD-3-Clause",
    "bsd 3": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "bsd 2": "BSD-2-Clause",
    "bsd 2 clause": "BSD-2-Clause",
    "isc": "ISC",
    "cc0": "CC0-1.0",
    "cc0 1 0": "CC0-1.0",
    "cc zero": "CC0-1.0",
    "public domain": "LicenseRef-public-domain",
    "unlicense": "Unlicense",
    "odc by": "ODC-By-1.0",
    "odc by 1 0": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "odbl 1 0": "ODbL-1.0",
    "pddl": "PDDL-1.0",
    "gpl 2": "GPL-2.0-only",
    "gpl 2 0": "GPL-2.0-only",
    "gpl 3": "GPL-3.0-only",
    "gpl 3 0": "GPL-3.0-only",
    "agpl 3": "AGPL-3.0-only",
    "agpl 3 0": "AGPL-3.0-only",
    "lgpl 3 0": "LGPL-3.0-only",
    "mpl 2 0": "MPL-2.0",
    "cdla permissive 2 0": "CDLA-Permissive-2.0",
    "cdla sharing 1 0": "CDLA-Sharing-1.0",
    "proprietary": "LicenseRef-proprietary",
    "commercial": "LicenseRef-proprietary",
    "all rights reserved": "LicenseRef-proprietary",
    "unknown": NONE,
    "none": NONE,
    "other": "LicenseRef-other",
    "": NONE,
}
_CREATIVE = re.compile(
    r"(?:cc|creative commons)((?: (?:by|nc|nd|sa|attribution|non ?commercial|no ?deriv\w*"
    r"|share ?alike))+)(?: (\d)(?: (\d))?)?"
)
_PARTS = {"attribution": "BY", "noncommercial": "NC", "sharealike": "SA"}
_NOISE = re.compile(
    r"\b(?:the|licen[cs]e[ds]?|version|international|intl|unported|generic|public(?! domain)|software)\b"
)
_YES = frozenset(("true", "yes", "y", "given", "granted", "opt in", "opted in", "opt-in", "explicit", "1"))
_NO = frozenset(
    ("false", "no", "n", "refused", "denied", "withdrawn", "revoked", "opt out", "opted out", "opt-out", "0")
)


def licence_name(value: Any) -> str:
    """The SPDX identifier of a licence as people write it; what is not known stays as it is, ``none`` where empty."""
    if value is None:
        return NONE
    text = str(value).strip()
    said = re.sub(r"\bv\.?(?=\d)", "", text.casefold())
    plain = " ".join(_NOISE.sub(" ", re.sub(r"[^a-z0-9]+", " ", said)).split())
    if (known := _SPDX.get(plain)) is not None:
        return known
    if (creative := _CREATIVE.fullmatch(plain)) is not None:
        return _creative(creative)
    return text


def _creative(match: re.Match[str]) -> str:
    said = re.sub(r"non commercial", "noncommercial", match.group(1))
    said = re.sub(r"share alike", "sharealike", re.sub(r"no ?deriv\w*", "nd", said))
    parts = {_PARTS.get(part, part.upper()) for part in said.split()}
    ordered = [part for part in ("BY", "NC", "ND", "SA") if part in parts]
    version = f"-{match.group(2)}.{match.group(3) or 0}" if match.group(2) else ""
    return "CC-" + "-".join(ordered) + version


def licence_of(provenance: Mapping[str, Any]) -> Any:
    """The licence as written, under either spelling."""
    return provenance.get("license", provenance.get("licence"))


def consent_of(provenance: Mapping[str, Any]) -> Given:
    """A boolean or a word; anything else that is there, and nothing, is ``unknown``."""
    said = str(provenance.get("consent", "")).strip().casefold()
    return "given" if said in _YES else "refused" if said in _NO else "unknown"


def licensed(name: str, config: LicencesConfig) -> bool:
    """Whether some glob of ``allow`` and none of ``deny`` matches, case ignored."""
    plain = name.casefold()

    def any_of(globs: tuple[str, ...]) -> bool:
        return any(fnmatchcase(plain, glob.casefold()) for glob in globs)

    return any_of(config.allow) and not any_of(config.deny)

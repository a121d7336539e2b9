"""Red-team corpora as versioned assets: imported, split by family into train and test, compared, never mixed."""

from trimtab.curate.redteam.attack import Attack, attack_from_json
from trimtab.curate.redteam.categories import codes
from trimtab.curate.redteam.corpus import Corpus, Entry, contaminated, grow
from trimtab.curate.redteam.diff import Diff, compare
from trimtab.curate.redteam.reading import RedTeamImport, read_attacks
from trimtab.curate.redteam.registry import load, save, versions
from trimtab.curate.redteam.rows import Parts, Wordings, parts
from trimtab.curate.redteam.table import Counts, as_html, as_text, counts

__all__ = [
    "Attack",
    "Corpus",
    "Counts",
    "Diff",
    "Entry",
    "Parts",
    "RedTeamImport",
    "Wordings",
    "as_html",
    "as_text",
    "attack_from_json",
    "codes",
    "compare",
    "contaminated",
    "counts",
    "grow",
    "load",
    "parts",
    "read_attacks",
    "save",
    "versions",
]

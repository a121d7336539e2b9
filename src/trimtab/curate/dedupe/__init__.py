"""One of each: rows that are equal, nearly so, or mean the same give way to the best of them."""

from trimtab.curate.dedupe.join import Twins, near_duplicates
from trimtab.curate.dedupe.rows import Twin, dedupe, drops_of
from trimtab.curate.dedupe.stage import dedupe_stage

__all__ = ["Twin", "Twins", "dedupe", "dedupe_stage", "drops_of", "near_duplicates"]

"""The data doors: import, clean, deduplicate, keep out what is sealed, mix."""

from trimtab.curate.adapters import SEARCH_TOOL, Adapter, AdapterOptions, adapter_named
from trimtab.curate.config import (
    CurateConfig,
    DedupeConfig,
    MixConfig,
    QuarantineConfig,
    SourceConfig,
    SplitConfig,
    TextsConfig,
)
from trimtab.curate.dedupe import dedupe
from trimtab.curate.door import CODE_VERSION, Curated, curate
from trimtab.curate.formats import FORMATS, Format, guess_format
from trimtab.curate.importing import describe, import_cases, import_rows, import_sources
from trimtab.curate.labelling import action_of
from trimtab.curate.mix import mix
from trimtab.curate.place import Drop, Imported, Placed, join_imports, place_rows
from trimtab.curate.quarantine import Hit, Quarantine
from trimtab.curate.report import Report
from trimtab.curate.split import side_of, split
from trimtab.curate.strata.config import DifficultyConfig, HardConfig
from trimtab.curate.strata.difficulty import Difficulty, Measure

__all__ = [
    "CODE_VERSION",
    "FORMATS",
    "SEARCH_TOOL",
    "Adapter",
    "AdapterOptions",
    "CurateConfig",
    "Curated",
    "DedupeConfig",
    "Difficulty",
    "DifficultyConfig",
    "Drop",
    "Format",
    "HardConfig",
    "Hit",
    "Imported",
    "Measure",
    "MixConfig",
    "Placed",
    "Quarantine",
    "QuarantineConfig",
    "Report",
    "SourceConfig",
    "SplitConfig",
    "TextsConfig",
    "action_of",
    "adapter_named",
    "curate",
    "dedupe",
    "describe",
    "guess_format",
    "import_cases",
    "import_rows",
    "import_sources",
    "join_imports",
    "mix",
    "place_rows",
    "side_of",
    "split",
]

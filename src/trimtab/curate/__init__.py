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
from trimtab.curate.door import CODE_VERSION, Aids, Curated, curate
from trimtab.curate.exporting import WRITERS, Exported, export_rows
from trimtab.curate.formats import FORMATS, Format, guess_format
from trimtab.curate.importing import describe, import_cases, import_rows, import_sources, stream_rows
from trimtab.curate.labelling import action_of
from trimtab.curate.mix import mix
from trimtab.curate.place import Drop, Imported, Placed, place_rows
from trimtab.curate.preferences import PreferencesConfig, tricky_negatives
from trimtab.curate.privacy import PrivacyConfig, Vault, privacy_stage
from trimtab.curate.quarantine import (
    Embedder,
    Hit,
    Keyed,
    Quarantine,
    is_sealed,
    prints_path,
    read_header,
    sealed_path,
    write_shard,
)
from trimtab.curate.reading import local_files, refuse_as_target
from trimtab.curate.report import Report
from trimtab.curate.split import side_of, split
from trimtab.curate.strata.config import DifficultyConfig, HardConfig
from trimtab.curate.strata.difficulty import Difficulty, Measure
from trimtab.curate.tally import Tally

__all__ = [
    "CODE_VERSION",
    "FORMATS",
    "SEARCH_TOOL",
    "WRITERS",
    "Adapter",
    "AdapterOptions",
    "Aids",
    "CurateConfig",
    "Curated",
    "DedupeConfig",
    "Difficulty",
    "DifficultyConfig",
    "Drop",
    "Embedder",
    "Exported",
    "Format",
    "HardConfig",
    "Hit",
    "Imported",
    "Keyed",
    "Measure",
    "MixConfig",
    "Placed",
    "PreferencesConfig",
    "PrivacyConfig",
    "Quarantine",
    "QuarantineConfig",
    "Report",
    "SourceConfig",
    "SplitConfig",
    "Tally",
    "TextsConfig",
    "Vault",
    "action_of",
    "adapter_named",
    "curate",
    "dedupe",
    "describe",
    "export_rows",
    "guess_format",
    "import_cases",
    "import_rows",
    "import_sources",
    "is_sealed",
    "local_files",
    "mix",
    "place_rows",
    "prints_path",
    "privacy_stage",
    "read_header",
    "refuse_as_target",
    "sealed_path",
    "side_of",
    "split",
    "stream_rows",
    "tricky_negatives",
    "write_shard",
]

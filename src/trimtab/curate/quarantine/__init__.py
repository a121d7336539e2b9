"""The quarantine: what is sealed stays out of training, by prints that hold no text."""

from trimtab.curate.quarantine.embed import Embedder
from trimtab.curate.quarantine.guard import Hit, Quarantine, quarantine_stage
from trimtab.curate.quarantine.keyed import Keyed
from trimtab.curate.quarantine.shard import (
    Header,
    is_sealed,
    prints_path,
    read_header,
    read_shard,
    sealed_path,
    write_shard,
)

__all__ = [
    "Embedder",
    "Header",
    "Hit",
    "Keyed",
    "Quarantine",
    "is_sealed",
    "prints_path",
    "quarantine_stage",
    "read_header",
    "read_shard",
    "sealed_path",
    "write_shard",
]

"""Our rows in other tools' formats and files, with everything that a format cannot hold said."""

from trimtab.curate.exporting.export import Exported, Loss, export_rows
from trimtab.curate.exporting.writers import WRITERS, Written, write_row

__all__ = ["WRITERS", "Exported", "Loss", "Written", "export_rows", "write_row"]

"""Cases out of public benchmarks' own rows, where an answer can be checked without a judge."""

from trimtab.evaluate.imported.forms import FORMS, Form, Imported, form_of, import_file

__all__ = ["FORMS", "Form", "Imported", "form_of", "import_file"]

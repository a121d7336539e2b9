"""Several processes share a workspace: nobody waits in vain, nothing is lost, readers see whole swaps."""

import subprocess
import sys
from pathlib import Path

from trimtab.store import Store

_WRITER = """
import sys
from pathlib import Path
from trimtab.store import Store

with Store.open(Path(sys.argv[1])) as store:
    for i in range(40):
        store.put("n", f"{sys.argv[2]}-{i}", {"i": i})
        with store.database.write() as connection:
            row = connection.execute("SELECT body FROM documents WHERE kind = 'sum' AND id = 'sum'").fetchone()
            value = int(row["body"]) if row else 0
            connection.execute("INSERT OR REPLACE INTO documents (kind, id, body) VALUES ('sum', 'sum', ?)",
                               (str(value + 1),))
        store.aliases.set({"stable": f"{sys.argv[2]}-{i}", "rollback": f"{sys.argv[2]}-{i}"}, "pair")
"""


def test_writers_and_a_reader_at_once(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name]) for name in "abc"]
    with Store.open(tmp_path) as store:
        while any(writer.poll() is None for writer in writers):
            pair = store.aliases.all()
            assert pair.get("stable") == pair.get("rollback")
        assert [writer.returncode for writer in writers] == [0, 0, 0]
        assert len(store.list("n")) == 120
        assert store.database.read("SELECT body FROM documents WHERE kind = 'sum'")[0]["body"] == "120"

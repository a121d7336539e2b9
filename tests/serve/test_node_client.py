"""The npm client does with the gateway what OpenAI's documentation says of it: the claims of claims.mjs."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.serve.sites import open_sites

from trimtab.engine.grammar import available

_FOLDER = Path(__file__).parents[1] / "clients" / "node"
_SECONDS = 60


def _ran(given: dict[str, Any], *claims: str) -> dict[str, str]:
    """What node said of each claim."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (_FOLDER / "node_modules" / "openai").is_dir():
        pytest.skip(f"the npm client is not installed (npm ci in {_FOLDER.name}, or make setup)")
    command = [node, "claims.mjs", json.dumps(given), *claims]
    done = subprocess.run(command, cwd=_FOLDER, capture_output=True, text=True, timeout=_SECONDS)
    assert done.returncode == 0, f"node ended with {done.returncode}:\n{done.stderr}\n{done.stdout}"
    said: dict[str, str] = json.loads(done.stdout)
    return said


@pytest.mark.skipif(not available(), reason="llguidance is not installed (the constrained extra)")
def test_every_claim_holds_and_nothing_stays_behind(random_weights: Any, tmp_path: Path) -> None:
    with open_sites(tmp_path, random_weights) as sites:
        said = _ran(sites.to_json())
        assert len(said) >= 18
        failed = {claim: word for claim, word in said.items() if word != "OK"}
        assert not failed, "\n\n".join(f"{claim}: {word}" for claim, word in failed.items())
        sites.told.until(lambda: sites.told.model.cancelled == 3)  # the late one and the two that were aborted
        for site in (sites.told, sites.real, sites.keyed):
            site.until(lambda site=site: site.gateway.idle)  # type: ignore[misc]


def test_a_claim_that_does_not_hold_is_told(random_weights: Any, tmp_path: Path) -> None:
    with open_sites(tmp_path, random_weights) as sites:
        said = _ran(sites.to_json() | {"draining": f"{sites.told.url}/v1"}, "chat", "draining_503")
    assert said["chat"] == "OK"
    assert "it was answered" in said["draining_503"]

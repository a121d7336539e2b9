"""A release is examined through its own API, by name; its scorecard is kept, and what was asked is no traffic."""

import stat
import sys
from pathlib import Path

import pytest

from trimtab.loop.examined import Examination, examine
from trimtab.loop.judging import BASE, behaviour_named
from trimtab.loop.scored import scored
from trimtab.loop.workspace import find_workspace
from trimtab.records import Silent, UserError

HARNESS = """
import json, os, pathlib, sys, urllib.request
if sys.argv[1] == "-c":
    sys.exit(0)
told = dict(zip(sys.argv, sys.argv[1:]))
model = told["--model"].removeprefix("openai-api/trimtab/")
body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
headers = {"content-type": "application/json"}
url = os.environ["TRIMTAB_BASE_URL"] + "/chat/completions"
with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as answer:
    said = json.load(answer)["choices"][0]["message"]
sample = {"id": 1, "input": "Hi", "target": "Hi", "scores": {"match": {"value": "I"}}}
sample["output"] = {"choices": [{"message": said}]}
log = {"status": "success", "eval": {"task": "greet"}, "samples": [sample]}
pathlib.Path(told["--log-dir"], "log.json").write_text(json.dumps(log))
"""


@pytest.fixture
def harness(tmp_path: Path) -> Path:
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\n{HARNESS}")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def test_a_release_is_asked_through_its_own_api_and_its_scorecard_kept(tiny_workspace: Path, harness: Path) -> None:
    workspace = find_workspace(tiny_workspace)
    card = examine(workspace, BASE, Examination("inspect", "greet.py@greet", python=harness), Silent())
    release = behaviour_named(workspace, BASE, Silent()).digest
    assert (card.suite, card.release) == ("inspect:greet", release)
    assert card.answers["1"]["answer"]
    assert scored(workspace.store, release) == {"inspect:greet": card}
    assert not list(workspace.store.traces.all(0))


def test_a_server_that_serves_another_release_is_not_taken_for_this_one(tiny_workspace: Path, harness: Path) -> None:
    from trimtab.loop.hosted import hosted

    workspace = find_workspace(tiny_workspace)
    other = find_workspace(tiny_workspace, ["serving.decoding.max_tokens=7"])
    with hosted(other, behaviour_named(other, BASE, Silent())) as url:
        with pytest.raises(UserError, match="404"):
            examine(workspace, BASE, Examination("inspect", "greet.py@greet", python=harness, url=url), Silent())
        card = examine(other, BASE, Examination("inspect", "greet.py@greet", python=harness, url=f"{url}/v1"), Silent())
    assert card.metrics["match"].n == 1

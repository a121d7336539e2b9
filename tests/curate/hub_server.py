"""A tiny Hugging Face hub on 127.0.0.1: data sets of a few files, and a list of what was asked for."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@contextmanager
def hub(files: Mapping[str, bytes], name: str, card: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """``(endpoint, paths that were fetched)`` of a hub with one data set, whose commit is ``commit_of(files)``."""
    fetched: list[str] = []
    commit = commit_of(files)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.split("?")[0]
            api = f"/api/datasets/{name}"
            if path in (api, f"{api}/revision/main", f"{api}/revision/{commit}"):
                siblings = [{"rfilename": file} for file in files]
                info = {"id": name, "sha": commit, "siblings": siblings, "cardData": dict(card), "tags": []}
                self._send(json.dumps(info).encode(), body, {"Content-Type": "application/json"})
                return
            prefix = f"/datasets/{name}/resolve/"
            version, _, file = path.removeprefix(prefix).partition("/")
            if not path.startswith(prefix) or version not in ("main", commit) or file not in files:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound" if path.startswith(prefix) else "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if body:
                fetched.append(file)
            self._send(files[file], body, {"ETag": f'"{sha1(files[file]).hexdigest()}"', "X-Repo-Commit": commit})

        def _send(self, data: bytes, body: bool, headers: Mapping[str, str]) -> None:
            self.send_response(200)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def commit_of(files: Mapping[str, bytes]) -> str:
    return sha1(repr(sorted(files.items())).encode()).hexdigest()

"""A server on this machine that speaks as much of the Hub's protocol as loading a model needs.

    GET /api/models/{name}[/revision/{rev}]       {"id", "sha", "siblings"}
    GET /api/models/{name}/tree/{rev}             [{"type", "path", "size", "oid"}]
    HEAD and GET /{name}/resolve/{rev}/{file}     ETag, X-Repo-Commit, Content-Length, Range

Errors carry `X-Error-Code`. Every request is remembered. Started on its own it serves one folder:

    python -m tests.checkpoint.hubserver org/name=FOLDER
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

_API = re.compile(r"/api/models/(?P<name>.+?)(/(?P<verb>revision|tree)/(?P<rev>[^/]+))?/?")
_FILE = re.compile(r"/(?P<name>.+?)/resolve/(?P<rev>[^/]+)/(?P<file>.+)")


@dataclass
class Repository:
    """Files by commit, and commits by branch."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: bool = False

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Put files on a branch; gives the commit."""
        digest = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[digest] = dict(files)
        self.branches[branch] = digest
        return digest

    def resolve(self, revision: str) -> str | None:
        """The commit behind a branch or a commit."""
        found = self.branches.get(revision, revision)
        return found if found in self.commits else None


@dataclass
class HubServer:
    """What is served, and how it misbehaves.

    Attributes:
        repositories: by name.
        requests: method and path of each, in their order.
        short: files of whose bytes half are sent, under the length of the whole.
        shrunk: files that are half as long as was said before.
        down: every request is answered with 503.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    short: set[str] = field(default_factory=set)
    shrunk: set[str] = field(default_factory=set)
    down: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fetched(self) -> list[str]:
        """The files whose content was asked for."""
        paths = [path for method, path in self.requests if method == "GET"]
        return sorted(match["file"] for path in paths if (match := _FILE.fullmatch(path)))

    @contextmanager
    def running(self) -> Iterator[HubServer]:
        """Serve inside the block; afterwards nobody listens at the address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, as a repository holds it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what was asked stands in `requests`."""

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path))
            if hub.down:
                self._send(503, b"down")
            elif match := _API.fullmatch(path):
                self._api(match)
            elif match := _FILE.fullmatch(path):
                self._file(match)
            else:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"})

        def _commit(self, match: re.Match[str]) -> str | None:
            """The commit asked for; None where an error was sent."""
            repository = hub.repositories.get(match["name"])
            if repository is None:
                self._send(401, b"{}", {"X-Error-Code": "RepoNotFound"})
                return None
            if repository.gated:
                self._send(403, b"{}", {"X-Error-Code": "GatedRepo"})
                return None
            commit = repository.resolve(match["rev"] or "main")
            if commit is None:
                self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return commit

        def _api(self, match: re.Match[str]) -> None:
            if (commit := self._commit(match)) is None:
                return
            files = hub.repositories[match["name"]].commits[commit]
            if match["verb"] == "tree":
                tree = [
                    {"type": "file", "path": path, "size": len(data), "oid": _oid(data)}
                    for path, data in files.items()
                ]
                self._send(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
                return
            said = {
                "id": match["name"],
                "sha": commit,
                "siblings": [{"rfilename": path} for path in files],
            }
            self._send(200, json.dumps(said).encode(), {"Content-Type": "application/json"})

        def _file(self, match: re.Match[str]) -> None:
            if (commit := self._commit(match)) is None:
                return
            file = match["file"]
            data = hub.repositories[match["name"]].commits[commit].get(file)
            headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
            if data is None:
                self._send(404, b"", {**headers, "X-Error-Code": "EntryNotFound"})
                return
            headers["ETag"] = f'"{_oid(data)}"'
            if self.command == "GET" and file in hub.shrunk:
                data = data[: len(data) // 2]
            cut = len(data) // 2 if self.command == "GET" and file in hub.short else None
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked and int(asked[1]) < len(data):
                start = int(asked[1])
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
                self._send(206, data[start:], headers, cut=0 if cut is not None else None)
                return
            self._send(200, data, headers, cut=cut)

        def _send(
            self,
            status: int,
            data: bytes,
            headers: dict[str, str] | None = None,
            *,
            cut: int | None = None,
        ) -> None:
            """An answer; with `cut`, only so many bytes of it, and the line goes dead."""
            with suppress(ConnectionError):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                # A line that is kept open would outlive the server's end.
                self.send_header("Connection", "close")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data if cut is None else data[:cut])

    return Handler


def _oid(data: bytes) -> str:
    """A blob's name as Git gives it, which is what the Hub's tags are."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


if __name__ == "__main__":
    hub = HubServer()
    for argument in sys.argv[1:]:
        name, _, folder = argument.partition("=")
        hub.repositories[name] = Repository()
        hub.repositories[name].commit(files_of(Path(folder)))
    with hub.running(), suppress(KeyboardInterrupt):
        print(f"HF_ENDPOINT={hub.url}", flush=True)
        threading.Event().wait()

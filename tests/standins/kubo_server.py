"""A Kubo node's RPC API as far as we use it: `add`, and its MFS with copies, reading, deleting and what is there.

As the real one it answers POST alone, names errors in words with status 500, and of `files/rm` only in the body. CIDs
are right for files of one block, and only look right for larger ones.
"""

import base64
import hashlib
import json
import shutil
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.standins.troubles import Troubles

PROJECT_ID, PROJECT_SECRET = "troupe-project", "a secret of ipfs 0123456789"
PIECE = 64 * 1024


class Failure(Exception):  # noqa: N818
    """Answered as the node's own error."""


class KuboServer(Troubles):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}  # paths of MFS and the CIDs that stand there
        self.folders: set[str] = {"/"}

    def __enter__(self) -> Self:
        self.blocks = Path(tempfile.mkdtemp(prefix="kubo-standin-"))
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"node": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)
        shutil.rmtree(self.blocks)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def block(self) -> dict[str, Any]:
        return {"API_URL": self.url, "PROJECT_ID": PROJECT_ID, "PROJECT_SECRET": PROJECT_SECRET}

    def reset(self) -> None:
        self.behave()
        self.names.clear()
        self.folders = {"/"}

    def collect_garbage(self) -> None:
        """What no name holds is gone."""
        for block in self.blocks.iterdir():
            if block.name not in self.names.values():
                block.unlink()

    # --- commands; `args` are the values of `arg` ---

    def add(self, part: Path) -> dict[str, Any]:
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        cid = "b" + base64.b32encode(b"\x01\x55\x12\x20" + digest).decode().lower().rstrip("=")
        part.replace(self.blocks / cid)
        return {"Name": "file", "Hash": cid, "Size": str(self._size(cid))}

    def cp(self, args: list[str], options: dict[str, str]) -> None:
        source, target = args
        cid = source.removeprefix("/ipfs/")
        if not (self.blocks / cid).is_file():
            raise Failure(f"cp: cannot get node from path {source}: context deadline exceeded")
        folders = {str(folder) for folder in PurePosixPath(target).parents}
        with self.lock:
            if not folders <= self.folders and options.get("parents") != "true":
                raise Failure("file does not exist")
            self.folders |= folders
            if target in self.names:
                raise Failure(f"cp: cannot put node in path {target}: directory already has entry by that name")
            self.names[target] = cid

    def stat(self, args: list[str]) -> dict[str, Any]:
        if args[0] in self.folders:
            return {"Hash": "bafybeifolder", "Size": 0, "CumulativeSize": 0, "Blocks": 0, "Type": "directory"}
        cid = self._cid(args[0])
        return {"Hash": cid, "Size": self._size(cid), "CumulativeSize": self._size(cid), "Blocks": 0, "Type": "file"}

    def rm(self, args: list[str]) -> str | None:
        """The body of an answer of 200, as the real one."""
        with self.lock:
            return None if self.names.pop(args[0], None) else f"{args[0]}: file does not exist"

    def opened(self, args: list[str], options: dict[str, str]) -> tuple[Path, int, int]:
        """A file, and the first byte and the number of those asked for."""
        cid, offset = self._cid(args[0]), int(options.get("offset", 0))
        if offset > self._size(cid):
            raise Failure(f"offset was past end of file ({offset} > {self._size(cid)})")
        return self.blocks / cid, offset, min(int(options.get("count", 1 << 62)), self._size(cid) - offset)

    def _cid(self, path: str) -> str:
        if path not in self.names:
            raise Failure("file does not exist")
        return self.names[path]

    def _size(self, cid: str) -> int:
        return (self.blocks / cid).stat().st_size


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    node: KuboServer

    def do_POST(self) -> None:
        with self.node.answering():
            self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        command = url.path.removeprefix("/api/v0/")
        options = parse_qs(url.query)
        args = options.pop("arg", [])
        single = {name: values[0] for name, values in options.items()}
        trouble = self.node.trouble_for("POST", command)
        self.cut = trouble.cut if trouble else None
        try:
            self.node.dawdle(trouble)
            part = self._receive()
            if not self._is_ours():
                self._send(401, b"Unauthorized", "text/plain")
            elif trouble and trouble.status:
                self._send(trouble.status, b'{"Message":"misbehaving","Code":0,"Type":"error"}')
            else:
                self._run(command, args, single, part)
        except Failure as error:
            self._send(500, json.dumps({"Message": str(error), "Code": 0, "Type": "error"}).encode())
        except ConnectionError:
            self.close_connection = True

    def _run(self, command: str, args: list[str], options: dict[str, str], part: Path | None) -> None:
        node = self.node
        if command == "add" and part:
            self._send(200, json.dumps(node.add(part)).encode() + b"\n")
        elif command == "files/cp":
            node.cp(args, options)
            self._send(200, b"")
        elif command == "files/stat":
            self._send(200, json.dumps(node.stat(args)).encode())
        elif command == "files/rm":
            complaint = node.rm(args)
            self._send(200, json.dumps(complaint).encode() if complaint else b"")
        elif command == "files/read":
            self._stream(*node.opened(args, options))
        else:
            self._send(404, b"404 page not found", "text/plain")

    def _is_ours(self) -> bool:
        expected = base64.b64encode(f"{PROJECT_ID}:{PROJECT_SECRET}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _receive(self) -> Path | None:
        """The one file of a form, on the disk; the body goes past in pieces."""
        left = int(self.headers.get("Content-Length") or 0)
        if not left:
            return None
        boundary = self.headers.get_boundary()
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.readline()
        left -= len(head)
        left -= len(f"\r\n--{boundary}--\r\n")
        with tempfile.NamedTemporaryFile(dir=self.node.blocks, delete=False) as file:
            while left:
                if self.cut is not None and file.tell() >= self.cut:
                    raise ConnectionAbortedError
                piece = self.rfile.read(min(left, PIECE))
                if not piece:
                    raise ConnectionAbortedError
                file.write(piece)
                left -= len(piece)
        self.rfile.readline()
        self.rfile.readline()
        return Path(file.name)

    def _stream(self, path: Path, first: int, left: int) -> None:
        """In chunks, and without saying how many bytes will come, as the real one."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        with path.open("rb") as file:
            file.seek(first)
            while left and (piece := file.read(min(left, PIECE))):
                if self.cut is not None and sent + len(piece) > self.cut:
                    piece = piece[: self.cut - sent]
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if piece else b"")
                    break
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                left -= len(piece)
                sent += len(piece)
        self.wfile.write(b"0\r\n\r\n")  # an error in mid-stream looks like the end to who reads no trailers

    def _send(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._send(405, b"405 - Method Not Allowed", "text/plain")

    def log_message(self, *_: object) -> None:
        """Says nothing."""

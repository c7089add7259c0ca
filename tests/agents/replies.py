"""A small real HTTP server that answers like a chat model, or like a broken one: what `cases/replies` describe."""

from __future__ import annotations

import ast
import gzip
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CASES = Path(os.environ.get("OUROLOOP_REPLIES") or Path(__file__).with_name("cases"))


def cases() -> list[dict[str, Any]]:
    """Return the described replies, sorted by their names; none where the folder is missing."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(CASES.glob("*.json"))]


def completion(text: str | None, finish: str = "stop", usage: object = None, **message: object) -> dict[str, Any]:
    """Return a chat completion as a server sends it."""
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}],
        "usage": usage or {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def streamed(text: str, finish: str | None = "stop") -> bytes:
    """Return a completion as a stream of events; without a finish, one that stops where its end should be."""
    chunks = [text[at : at + 40] for at in range(0, len(text), 40)]
    events = [
        {
            "id": "x", "object": "chat.completion.chunk", "created": 0, "model": "scripted",
            "choices": [{"index": 0, "delta": {"content": chunk}, "finish_reason": None}],
        }
        for chunk in chunks
    ]  # fmt: skip
    events.append({**events[0], "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"


def called(calls: list[tuple[str, str]], text: str | None = None) -> dict[str, Any]:
    """Return a completion that calls functions; a call is a name with its arguments as text."""
    told = [
        {"id": f"call-{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for place, (name, arguments) in enumerate(calls)
    ]
    return completion(text, "tool_calls", tool_calls=told)


def called_in_pieces(calls: list[tuple[str, str]]) -> bytes:
    """Return the same as a stream of events: name and id come first, then the arguments in pieces of seven characters."""
    deltas: list[dict[str, Any]] = []
    for place, (name, arguments) in enumerate(calls):
        first = {"index": place, "id": f"call-{place}", "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = [arguments[at : at + 7] for at in range(0, len(arguments), 7)]
        deltas += [first, *({"index": place, "function": {"arguments": piece}} for piece in pieces)]
    events = [{"index": 0, "delta": {"tool_calls": [delta]}, "finish_reason": None} for delta in deltas]
    events.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    told = "".join(f"data: {json.dumps({**head, 'choices': [event]})}\n\n" for event in events)
    return told.encode() + b"data: [DONE]\n\n"


class Answer:
    """One answer on the wire.

    Args:
        http: a case's description of it.
        text: the message's content.
    """

    def __init__(self, http: dict[str, Any], text: str | None) -> None:
        """Make the bytes."""
        self.status = int(http.get("status", 200))
        self.headers: dict[str, str] = {"Content-Type": "application/json", **http.get("headers", {})}
        self.trickle, self.reset = float(http.get("trickle", 0)), bool(http.get("reset"))
        if "rawb" in http:
            self.body = ast.literal_eval(http["rawb"])
        elif "raw" in http:
            self.body = http["raw"].encode("utf-8", "surrogatepass")
        elif http.get("sse"):
            self.body, self.headers["Content-Type"] = streamed(text or ""), "text/event-stream"
        else:
            said = completion(text, http.get("finish", "stop"), http.get("usage"), **http.get("message", {}))
            self.body = json.dumps(said).encode()
        if http.get("zip"):
            self.body = gzip.compress(self.body)


Script = Callable[[dict[str, Any], int], Answer]


class Server:
    """An endpoint on loopback; `asked` holds the bodies that arrived, `sent_keys` what came with each as its key.

    Args:
        script: makes the answer to a body; its second argument counts from 0.
    """

    def __init__(self, script: Script) -> None:
        """Serve until closed."""
        self.script, self.asked = script, list[dict[str, Any]]()
        self.sent_keys: list[str] = []
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # keeps connections open, as hosted endpoints do

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.asked.append(body)
                    outer.sent_keys.append(self.headers.get("Authorization", ""))
                    answer = outer.script(body, len(outer.asked) - 1)
                if answer.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    return
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    for at in range(0, len(answer.body), 64 if answer.trickle else len(answer.body)):
                        self.wfile.write(answer.body[at : at + (64 if answer.trickle else len(answer.body))])
                        time.sleep(answer.trickle)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def __enter__(self) -> Server:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._http.shutdown()
        self._http.server_close()


def of_case(case: dict[str, Any]) -> Script:
    """Return the script of one case; `first` describes the answer to the first try."""
    http = case.get("http", {})

    def script(_: dict[str, Any], tries: int) -> Answer:
        if "first" in http and tries == 0:
            status, headers, body = http["first"]
            raw = body if isinstance(body, str) else json.dumps(body)
            return Answer({"status": status, "headers": headers, "raw": raw}, None)
        return Answer(http, case["text"])

    return script

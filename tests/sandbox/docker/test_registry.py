"""A worker built on an image from a registry: one that serves a single image on loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.sandbox import conformance, walls
from ouroloop.sandbox.docker.image import REPOSITORY, ensure_image
from ouroloop.sandbox.docker.sandbox import DockerSandbox, connect

pytestmark = pytest.mark.docker
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def described(data: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": kind, "size": len(data), "digest": digest(data)}


@pytest.fixture(scope="module")
def image(toolkit: str) -> tuple[dict[str, bytes], str]:
    """Return blobs by digest and the manifest's digest of an image that has `python3` on its path."""
    client = connect()
    saved = io.BytesIO(b"".join(client.images.get(ensure_image(client, toolkit)).save()))
    with tarfile.open(fileobj=saved) as tar:
        (entry,) = json.load(tar.extractfile("manifest.json"))
        config = json.load(tar.extractfile(entry["Config"]))
        layers = [gzip.compress(tar.extractfile(name).read(), 1) for name in entry["Layers"]]
    config["config"]["Env"] = ["PATH=/python/bin"]
    settings = json.dumps(config).encode()
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described(settings, CONFIG)}
    told = json.dumps(manifest | {"layers": [described(layer, LAYER) for layer in layers]}).encode()
    return {digest(blob): blob for blob in (settings, told, *layers)}, digest(told)


@pytest.fixture
def registry(docker_daemon: None, image: tuple[dict[str, bytes], str]) -> Iterator[str]:
    blobs, _ = image

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            blob = b"{}" if self.path == "/v2/" else blobs.get(self.path.rpartition("/")[2])
            self.send_response(404 if blob is None else 200)
            self.send_header("Content-Type", MANIFEST if "/manifests/" in self.path else "application/octet-stream")
            self.send_header("Content-Length", str(len(blob or b"")))
            if blob:
                self.send_header("Docker-Content-Digest", digest(blob))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(blob or b"")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_a_base_image_is_pulled_by_digest_and_conforms(
    registry: str, image: tuple[dict[str, bytes], str], toolkit: str
) -> None:
    client, base = connect(), f"{registry}/python@{image[1]}"
    sandbox = DockerSandbox(toolkit, 4, warm=0, base=base)
    try:
        for check in (conformance.answers_batches, walls.imports_what_is_listed, conformance.shows_exact_observations):
            check(sandbox)
        assert ensure_image(client, toolkit, base) in [made.id for made in client.images.list(REPOSITORY)]
    finally:
        sandbox.close()
        client.images.remove(ensure_image(client, toolkit, base), force=True)


def test_a_base_without_digest_is_a_usage_error(toolkit: str) -> None:
    for base in ("python:slim", "python", "python@sha256:12", "python:slim@sha256:" + "g" * 64):
        with pytest.raises(UsageError, match="not named by digest"):
            DockerSandbox(toolkit, 4, warm=0, base=base)


def test_a_base_that_cannot_be_had_is_the_surroundings_fault(registry: str, toolkit: str) -> None:
    with pytest.raises(SurroundingsError, match="could not make the sandbox image"):
        DockerSandbox(toolkit, 4, warm=0, base=f"{registry}/python@sha256:{'0' * 64}")

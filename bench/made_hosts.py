"""Hosts that are made up, with records that are signed, whole and of a usual size: what each would announce and answer."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from bootkeep.edges.signing import ANNOUNCEMENT, ANSWER, sign
from bootkeep.facts.codec import to_plain
from bootkeep.facts.delivery import DeliveredFile, Manifest
from bootkeep.lab.hostile_minion import Scene, record, snapshot

#: One snapshot as it travels; a small server's is about as large.
_BODY = 60 * 1024


class MadeHosts:
    """Hosts that share one key: what each announces and answers."""

    def __init__(self, place: Path, count: int) -> None:
        scene = Scene(place)
        scene.store.close()
        self.key, public = scene.keys["web1"], scene.public["web1"]
        self.names = [f"made{number:05d}" for number in range(count)]
        self.public = public
        self.id = "20261125T120000Z-0123abcd"
        files = {"record.json": record(self.id), "pre.json.gz": self._look("pre"), "post.json.gz": self._look("post")}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        self.manifest = Manifest(
            self.id, "post", tuple(DeliveredFile(n, digests[n], len(files[n])) for n in sorted(files))
        )
        self.pieces = [
            {"id": self.id, "name": n, "sha256": digests[n], "offset": 0, "data": base64.b64encode(files[n]).decode()}
            for n in sorted(files)
        ]

    @staticmethod
    def _look(phase: str) -> bytes:
        plain = json.loads(gzip.decompress(snapshot(phase=phase)))
        text = base64.b64encode(os.urandom(_BODY)).decode()  # does not compress below _BODY
        plain["readings"] = {"file:/made": {"status": "ok", "text": text}}
        return gzip.compress(json.dumps(plain).encode(), compresslevel=1)

    def signed(self, purpose: str, host: str, body: dict[str, Any]) -> dict[str, str]:
        """As a minion sends it."""
        text = json.dumps({"host": host, **body})
        return {"text": text, "signature": sign(self.key, purpose, host, text)}

    def announcement(self, host: str) -> dict[str, str]:
        """Its only transaction."""
        return self.signed(ANNOUNCEMENT, host, {"announcement": {"id": self.id, "digest": self.manifest.digest}})

    def answer(self, host: str, nonce: str, request: dict[str, Any]) -> dict[str, str]:
        """To one question."""
        body: dict[str, Any] = {
            "nonce": nonce,
            "confirmed": [[*pair, True] for pair in request.get("confirm", [])],
            "errors": {},
        }
        if request.get("index"):
            body["waiting"] = []
        if request.get("records"):
            body |= {"manifests": {self.id: to_plain(self.manifest)}, "pieces": self.pieces}
        return self.signed(ANSWER, host, body)

"""One record on its way in: pieces become files, files are checked and kept, until the record is whole."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any

from bootkeep.edges.clock import now_utc
from bootkeep.facts.codec import to_json
from bootkeep.facts.delivery import CHUNK, DeliveredFile, Manifest
from bootkeep.fleet.limits import Contents, Limits, NotAccepted, WentAway, checked_manifest, understood
from bootkeep.fleet.store import FleetStore

#: Pieces asked for in one question: the host's answer stays below what Salt's bus carries.
_PIECES = 3


class Assembly:
    """The record of one transaction of one host.

    Holds the files of one answer and one cut file in memory at most. When an answer makes the record whole, its files stay
    in ``unsaved`` and enter the store together with it: one transaction, one flush. Else they are stored at once.
    """

    def __init__(self, store: FleetStore, host: str, manifest: Manifest, limits: Limits) -> None:
        self.manifest = manifest
        self._store, self._host, self._limits = store, host, limits
        self._files = {file.sha256: file for file in manifest.files}
        self._have = store.bodies_there(host, set(self._files))
        self._parts: dict[str, bytearray] = {}
        self.unsaved: dict[str, bytes] = {}

    @classmethod
    def begin(cls, store: FleetStore, host: str, plain: object, id: str, limits: Limits) -> Assembly:
        """Start from the manifest that the host sent. Raises NotAccepted."""
        return cls(store, host, checked_manifest(plain, id, limits), limits)

    @property
    def complete(self) -> bool:
        """Whether every file is here: in the store, or ``unsaved``."""
        return len(self._have) + len(self.unsaved) == len(self._files)

    @property
    def missing_bytes(self) -> int:
        """What is still to come."""
        return sum(file.size for sha256, file in self._files.items() if sha256 not in self._have)

    @property
    def manifest_bytes(self) -> int:
        """What the manifest itself takes: a record that names thousands of files that are here already is no gift."""
        return len(to_json(self.manifest))

    def missing(self) -> list[dict[str, Any]]:
        """The next pieces to ask for."""
        wanted: list[dict[str, Any]] = []
        for sha256, file in self._files.items():
            offset = len(self._parts.get(sha256, b""))
            while sha256 not in self._have and len(wanted) < _PIECES and (offset < file.size or offset == 0):
                wanted.append({"id": self.manifest.id, "name": file.name, "sha256": sha256, "offset": offset})
                offset += CHUNK
        return wanted

    def add(self, pieces: Sequence[object]) -> None:
        """Take pieces of an answer; what belongs to another record or comes out of order is left. Raises NotAccepted."""
        for piece in pieces:
            found = self._piece(piece)
            if found is None:
                continue
            file, content = found
            part = self._parts.setdefault(file.sha256, bytearray())
            part += content
            if len(part) > file.size:
                raise NotAccepted("oversized", f"{file.name} is longer than its manifest says")
            if len(part) == file.size:
                whole = bytes(self._parts.pop(file.sha256))
                if hashlib.sha256(whole).hexdigest() != file.sha256:
                    raise NotAccepted("wrong digest", f"{file.name} is not what its manifest says")
                self.unsaved[file.sha256] = whole
        if self.unsaved and not self.complete:
            with self._store.writing() as writer:
                writer.saw(self._host, now_utc())
                self._have |= {writer.save_body(self._host, whole) for whole in self.unsaved.values()}
            self.unsaved = {}

    def _piece(self, piece: object) -> tuple[DeliveredFile, bytes] | None:
        if not isinstance(piece, dict) or piece.get("id") != self.manifest.id:
            return None
        file = self._files.get(str(piece.get("sha256")))
        if file is None or file.sha256 in self._have or file.sha256 in self.unsaved:
            return None
        if piece.get("offset") != len(self._parts.get(file.sha256, b"")):
            return None
        try:
            content = base64.b64decode(str(piece.get("data")), validate=True)
        except (binascii.Error, ValueError) as error:
            raise NotAccepted("malformed", f"a piece of {file.name} is no Base64") from error
        if len(content) > CHUNK or (not content and file.size):
            raise NotAccepted("oversized" if content else "malformed", f"a piece of {len(content)} bytes")
        return file, content

    def understood(self) -> Contents:
        """The whole record, parsed. Raises NotAccepted, WentAway."""

        def body(sha256: str) -> bytes:
            content = self.unsaved.get(sha256)
            content = self._store.body(self._host, sha256) if content is None else content
            if content is None:
                raise WentAway(self.manifest.id)
            return content

        return understood(self.manifest, body, self._limits)

"""A minion in the wrong hands: a real key, a real store and the real intake, and ways to say anything to it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bootkeep.edges.files import private_folder, replace_file
from bootkeep.edges.signing import ANNOUNCEMENT, ANSWER, sign
from bootkeep.facts.codec import to_plain
from bootkeep.facts.delivery import DeliveredFile, Manifest
from bootkeep.fleet.intake import Intake
from bootkeep.fleet.limits import Limits
from bootkeep.fleet.store import FleetStore

ID = "20261125T120000Z-0123abcd"
OTHER = "20261125T120001Z-0123abcd"
#: What every text field of a hostile record holds: YAML, Jinja, HTML, SQL, a terminal's escapes, odd bytes.
POISON = (
    "x\"\n\nevil:\n  local.cmd.run:\n    - tgt: '*'\n    - arg: [id]\n{{ salt['cmd.run']('id') }}{% raw %}"
    "<script>alert(1)</script><img src=x onerror=alert(1)>'); DROP TABLE hosts; -- !!python/object/apply:os.system [id]"
    " \x1b]0;title\x07 \x00 \u202e ../../etc/passwd $(id) `id`"
)


@dataclass
class Scene:
    """The master's intake with two accepted minions."""

    folder: Path
    limits: Limits = field(default_factory=Limits)
    keys: dict[str, Path] = field(default_factory=dict)
    public: dict[str, bytes] = field(default_factory=dict)
    now: float = 1000.0
    nonce: str = ""
    asked: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for host in ("web1", "web2", "stranger"):
            private, public = _key_pair(host)
            self.keys[host] = self.folder / f"{host}.pem"
            self.keys[host].write_bytes(private)
            if host != "stranger":
                self.public[host] = public
        place = private_folder(self.folder / "fleet") / "fleet.sqlite"
        replace_file(place, _empty_database())
        self.store = FleetStore.open(f"sqlite:///{place}", upgrade=False)
        self.intake = Intake(self.store, self.public.get, self.limits)

    def signed(self, purpose: str, body: Mapping[str, Any], *, key: str = "web1", host: str = "") -> dict[str, str]:
        """A message as a minion sends it; ``key``: who signs."""
        return self.signed_text(purpose, json.dumps(body), key=key, host=host or str(body.get("host")))

    def signed_text(self, purpose: str, text: str, *, key: str = "web1", host: str = "web1") -> dict[str, str]:
        """The same for a text that need not be JSON."""
        try:
            signature = sign(self.keys[key], purpose, host, text)
        except UnicodeEncodeError:  # half a surrogate has no bytes that could be signed
            signature = sign(self.keys[key], purpose, "web1", "")
        return {"text": text, "signature": signature}

    def announce(self, id: str = ID, digest: str = "a" * 64, *, host: str = "web1", key: str = "") -> None:
        """An announcement."""
        body = {"host": host, "announcement": {"id": id, "digest": digest}}
        self.intake.announced(self.signed(ANNOUNCEMENT, body, key=key or host), self.now)

    def ask(self) -> Mapping[str, Any]:
        """What the intake asks web1 now; empty when nothing."""
        self.now += 5.0
        for question in self.intake.questions(self.now):
            self.nonce = question.nonce
            self.asked = dict(question.hosts.get("web1", {}))
            return self.asked
        return {}

    def answer(self, *, key: str = "web1", host: str = "web1", nonce: str = "", **body: Any) -> None:
        """An answer to the last question."""
        whole = {"host": host, "nonce": nonce or self.nonce, "confirmed": [], "errors": {}, **body}
        self.intake.answered(host, self.signed(ANSWER, whole, key=key), self.now)

    def deliver(self, files: Mapping[str, bytes], *, id: str = ID, **manifest: Any) -> None:
        """Announce, be asked, and hand over these files, all in one piece each."""
        made = Manifest(
            id, "post", tuple(DeliveredFile(n, hashlib.sha256(c).hexdigest(), len(c)) for n, c in sorted(files.items()))
        )
        plain = to_plain(made) | manifest
        self.announce(id, made.digest)
        self.ask()
        pieces = [
            {"id": id, "name": n, "sha256": hashlib.sha256(c).hexdigest(), "offset": 0,
             "data": base64.b64encode(c).decode("ascii")}
            for n, c in sorted(files.items())
        ]  # fmt: skip
        self.answer(manifests={id: plain}, pieces=pieces)

    def outcome(self) -> str:
        """What happened, in words: what is stored, and what was refused for which reason."""
        self.intake.refusals.flush()
        refused = ", ".join(sorted({f"refused: {row.why}" for row in self.store.refusals()}))
        stored = f"{len(self.store.records())} stored" if self.store.records() else ""
        return "; ".join(part for part in (refused, stored) if part) or "ignored"


@cache
def _empty_database() -> bytes:
    """A store with its schema: made once, as migrations take a second."""
    with tempfile.TemporaryDirectory(prefix="bootkeep-hostile-") as folder:
        path = Path(folder) / "fleet.sqlite"
        FleetStore.open(f"sqlite:///{path}").close()
        return path.read_bytes()


@cache
def _key_pair(_host: str) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def record(id: str = ID, poison: str = "alice", **changed: Any) -> bytes:
    """A record.json."""
    step = {
        "changes": [{"name": poison, "architecture": "all", "old_version": "", "new_version": poison, "action": "install"}],
        "started_at": "2026-11-25T12:00:00Z", "ended_at": poison[:40],
    }  # fmt: skip
    plain = {
        "id": id, "outcome": "done", "outcome_detail": poison, "started_at": "2026-11-25T12:00:00Z", "ended_at": poison,
        "caller": {"manager": poison, "pid": 1, "start_ticks": 1, "boot_id": poison, "command": [poison], "user": poison},
        "steps": [step], "phases": ["pre", "post"], "alarms": [poison],
    }  # fmt: skip
    return json.dumps(plain | changed).encode()


def snapshot(**changed: Any) -> bytes:
    """A snapshot file."""
    plain = {
        "phase": "post",
        "taken_at": "",
        "host": "h",
        "boot_id": "b",
        "readings": {},
        "tool_version": "1",
        "schema": 1,
    }
    return gzip.compress(json.dumps(plain | changed).encode())


def bomb() -> bytes:
    """150 KB that unpack to 150 MiB."""
    return gzip.compress(b"\0" * (150 * 1024 * 1024), compresslevel=9)


def manifest_of(scene: Scene, files: object, **changed: Any) -> None:
    """Answer with a manifest and nothing else."""
    scene.announce()
    scene.ask()
    plain = {"id": ID, "phase": "post", "files": files, "schema": 1} | changed
    scene.answer(manifests={ID: plain}, pieces=[])


def file(name: str, sha256: str = "b" * 64, size: object = 3) -> dict[str, Any]:
    """A line of a manifest."""
    return {"name": name, "sha256": sha256, "size": size}


def piece(scene: Scene, data: str, size: int, offset: object = 0) -> None:
    """Answer with one piece of a file of ``size`` bytes that has to be ``abc``."""
    content = b"abc"
    sha256 = hashlib.sha256(content).hexdigest()
    scene.announce()
    scene.ask()
    plain = {"id": ID, "phase": "post", "files": [file("record.json", sha256, size)], "schema": 1}
    one = {"id": ID, "name": "record.json", "sha256": sha256, "offset": offset, "data": data}
    scene.answer(manifests={ID: plain}, pieces=[one])

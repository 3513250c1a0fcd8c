"""``shadow-states`` and ``ssh-keys``: what one may know about passwords and keys without holding either.

Of shadow(5) only the class of the password (locked, none, set and by which method), the day of its last change and its ageing
leave this module, never the hash. Of authorized_keys(5) the fingerprints, as ``ssh-keygen -l`` prints them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

#: Prefix of a crypt(5) hash -> the method's name.
_METHODS = {
    "1": "md5crypt",
    "2a": "bcrypt",
    "2b": "bcrypt",
    "2y": "bcrypt",
    "5": "sha256crypt",
    "6": "sha512crypt",
    "7": "scrypt",
    "y": "yescrypt",
    "gy": "gost-yescrypt",
}
_AGEING = ("minimum", "maximum", "warning", "inactive", "expires on day")
#: A home on one of these may hang; keys there are not this machine's.
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "fuse.sshfs", "9p", "autofs", "lustre", "glusterfs"})


def shadow_states(root: Path, _argument: str) -> str:
    """JSON object: account -> ``set (yescrypt), changed on day 20000, maximum 99999``. Raises OSError."""
    states: dict[str, str] = {}
    for line in (root / "etc/shadow").read_bytes().decode("utf-8", "surrogateescape").split("\n"):
        fields = line.split(":")
        if len(fields) == 9 and fields[0]:
            parts = [_password(fields[1])]
            if fields[2].isdigit():
                parts.append(f"changed on day {fields[2]}")
            parts += [f"{name} {value}" for name, value in zip(_AGEING, fields[3:8], strict=True) if value.isdigit()]
            states[fields[0]] = ", ".join(parts)
    return json.dumps(states)


def _password(field: str) -> str:
    if not field:
        return "none"
    locked = field.startswith(("!", "*"))
    field = field.lstrip("!*")
    if not field:
        return "locked"
    method = _METHODS.get(field.split("$")[1], "another method") if field.startswith("$") else "descrypt"
    return f"locked ({method} kept)" if locked else f"set ({method})"


def ssh_keys(root: Path, _argument: str) -> str:
    """JSON object: ``account SHA256:fingerprint`` -> ``type options``, from every local home's authorized_keys files."""
    remote = _remote_mounts() if root == Path("/") else ()
    keys: dict[str, str] = {}
    for line in (root / "etc/passwd").read_bytes().decode("utf-8", "surrogateescape").split("\n"):
        fields = line.split(":")
        if len(fields) != 7 or not fields[5].startswith("/") or fields[5] == "/":
            continue
        if any(f"{fields[5]}/".startswith(mount) for mount in remote):
            continue
        for name in ("authorized_keys", "authorized_keys2"):
            for fingerprint, words in _keys(root / fields[5].lstrip("/") / ".ssh" / name):
                keys[f"{fields[0]} {fingerprint}"] = words
    return json.dumps(keys)


def _remote_mounts() -> tuple[str, ...]:
    found: list[str] = []
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        if right.split(" ", 1)[0] in _REMOTE:
            found.append(left.split()[4].replace("\\040", " ") + "/")
    return tuple(found)


def _keys(path: Path) -> Iterator[tuple[str, str]]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        content = stream.read(1024 * 1024)
    for line in content.decode("utf-8", "surrogateescape").splitlines():
        words = line.split()
        for number, word in enumerate(words[:-1]):
            if word.startswith(("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")) and not line.lstrip().startswith("#"):
                try:
                    blob = base64.b64decode(words[number + 1], validate=True)
                except (binascii.Error, ValueError):
                    continue
                digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
                restricted = " with options" if number else ""  # options may hold commands with secrets
                yield f"SHA256:{digest}", f"{word}{restricted}"
                break

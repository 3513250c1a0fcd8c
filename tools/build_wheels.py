"""Build what `bootkeep.install` puts into a host's Salt Python: the toolkit's wheel, and what Salt does not bring.

    python tools/build_wheels.py [--out salt/bootkeep/files/wheels]

The toolkit is built here, without network. Whatever it needs and Salt's own requirements do not bring already is
downloaded with the hashes of requirements/host.txt (today that is nothing). manifest.json lists every wheel's digest;
the host installs what the manifest says and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

CHECKOUT = Path(__file__).resolve().parent.parent
#: A fixed moment in every wheel's archive, so that the same source gives the same digest and hosts see no change.
SOURCE_DATE_EPOCH = "1577836800"


def closure(distribution: str, seen: set[str]) -> set[str]:
    """Names of everything that an installed distribution requires, itself included."""
    name = canonicalize_name(distribution)
    if name not in seen:
        seen.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                closure(requirement.name, seen)
    return seen


def missing_beside_salt() -> set[str]:
    """What the toolkit needs on a host and Salt's own requirements do not bring."""
    return closure("bootkeep", set()) - closure("salt", set()) - {"bootkeep"}


def pip(*arguments: str) -> None:
    """Run pip of this Python; its message is the error."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    subprocess.run([sys.executable, "-m", "pip", "-q", *arguments], check=True, env=environment)  # noqa: TID251


def locked(names: set[str]) -> str:
    """The lines of requirements/host.txt, with their hashes, for these distributions."""
    text = (CHECKOUT / "requirements" / "host.txt").read_text("utf-8")
    blocks = re.findall(r"^[A-Za-z0-9][^\n]*(?:\\\n[^\n]*)*", text, flags=re.MULTILINE)
    chosen = {canonicalize_name(block.split("==")[0].strip()): block for block in blocks if "==" in block}
    if unlocked := sorted(names - set(chosen)):
        raise SystemExit(f"build_wheels: requirements/host.txt does not lock {', '.join(unlocked)}: add and lock them")
    return "\n".join(chosen[name] for name in sorted(names)) + "\n"


def build(out: Path) -> list[dict[str, str]]:
    """Fill ``out`` with wheels and a manifest, whole or not at all; returns the manifest's rows."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".wheels-") as scratch:
        draft = Path(scratch) / "wheels"
        draft.mkdir()
        pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(draft), str(CHECKOUT))
        if missing := missing_beside_salt():
            requirements = Path(scratch) / "requirements.txt"
            requirements.write_text(locked(missing), "utf-8")
            pip(
                "download",
                "--require-hashes",
                "--no-deps",
                "--only-binary=:all:",
                "-d",
                str(draft),
                "-r",
                str(requirements),
            )
        rows = []
        for wheel in sorted(draft.glob("*.whl")):
            name, version, _build, _tags = parse_wheel_filename(wheel.name)
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            rows.append({"name": str(name), "version": str(version), "file": wheel.name, "sha256": digest})
        manifest = json.dumps({"schema": 1, "wheels": rows}, indent=2) + "\n"
        (draft / "manifest.json").write_text(manifest, "utf-8")
        draft.chmod(0o755)
        # Aside and in, two renames: a file server in between finds no wheels, never half of them.
        if out.exists():
            out.rename(Path(scratch) / "old")
        draft.rename(out)
    return rows


def main() -> None:
    """Build, and say what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=CHECKOUT / "salt" / "bootkeep" / "files" / "wheels")
    for row in build(parser.parse_args().out.resolve()):
        sys.stdout.write(f"{row['file']}  sha256 {row['sha256'][:16]}\n")


if __name__ == "__main__":
    main()

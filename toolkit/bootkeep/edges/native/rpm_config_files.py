"""``rpm-config-files``: every configuration file of every package of rpm's, and the digest with which it was shipped."""

from __future__ import annotations

from pathlib import Path

from bootkeep.edges.native.rpm_files import config_answer


def answer(root: Path, _argument: str) -> str:
    """JSON object, path -> [package, digest]. Raises FileNotFoundError without a database, OSError when it cannot be read."""
    return config_answer(root)

"""The host's own configuration: ``/etc/bootkeep/config.json``, written by the Salt formula from pillar."""

from __future__ import annotations

from pathlib import Path

from bootkeep.facts.codec import from_json
from bootkeep.facts.policy import Policy

CONFIG_PATH = Path("/etc/bootkeep/config.json")


def load_policy(root: Path = Path("/")) -> Policy:
    """The policy in force; the defaults when there is no file. Raises NotUnderstood on a file that is damaged."""
    path = root / CONFIG_PATH.relative_to("/")
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Policy()
    return from_json(Policy, text, where=str(path))

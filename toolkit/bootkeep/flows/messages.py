"""The messages' policy on the master: written whole, for root only, and never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bootkeep.edges.files import private_folder, replace_file
from bootkeep.edges.messages_config import check_messages
from bootkeep.facts.codec import from_plain, to_json
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.notice import MessagePolicy


def messages_configured(path: Path, wanted: dict[str, Any], *, dry_run: bool = False) -> Converged:
    """The file holds this policy. Raises BootkeepError for one that is wrong; no answer holds a secret."""
    try:
        policy = from_plain(MessagePolicy, wanted, where="pillar bootkeep:messages")
    except NotUnderstood as error:
        raise BootkeepError(
            error.what, where=error.where, next_step="Mend it in the pillar; the messages' policy was not changed."
        ) from error
    check_messages(policy, where="pillar bootkeep:messages")
    content = (to_json(policy, indent=2) + "\n").encode()
    try:
        same = path.read_bytes() == content and path.stat().st_mode & 0o777 == 0o600
    except FileNotFoundError:
        same = False
    told = f"{len(policy.rules)} rules, {len(policy.destinations)} destinations"
    if same:
        return Converged(True, f"The messages' policy is in place: {told}.")
    if not dry_run:
        private_folder(path.parent) if not path.parent.exists() else None
        replace_file(path, content, mode=0o600)
    verb = "would be" if dry_run else "was"
    return Converged(not dry_run, f"The messages' policy {verb} written: {told}.", (StateChange(str(path), "", told),))

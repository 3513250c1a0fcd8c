"""The administrator's policy as the host keeps it: checked, complete, readable by root only."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootkeep.compare.noise import NoiseFilter
from bootkeep.edges.files import private_folder, replace_file
from bootkeep.facts.codec import from_plain, to_json
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.policy import Person, Policy, Site

#: Two, because one is no way back: the kernel that just failed to boot is the one.
FEWEST_KERNELS = 2


def policy_from_pillar(plain: Mapping[str, Any]) -> Policy:
    """The policy that pillar describes; keys that are left out keep their defaults.

    Raises BootkeepError for a key that does not exist: a misspelt ``gaurd: false`` must not pass for a decision.
    """
    _only_known(plain, Policy, "bootkeep")
    for number, person in enumerate(plain.get("people") or ()):
        _only_known(person, Person, f"bootkeep:people[{number}]")
    _only_known(plain.get("site") or {}, Site, "bootkeep:site")
    try:
        policy = from_plain(Policy, dict(plain), where="pillar bootkeep")
    except NotUnderstood as error:
        raise _wrong(error.what, error.where) from error
    if policy.minimum_kernels < FEWEST_KERNELS or policy.keep_kernels < policy.minimum_kernels:
        raise _wrong(
            f"keep_kernels ({policy.keep_kernels}) has to be at least minimum_kernels ({policy.minimum_kernels}), "
            f"and that at least {FEWEST_KERNELS}"
        )
    if not 0 < policy.hook_deadline_s <= 60 or policy.boot_free_factor < 1 or policy.root_free_bytes < 0:
        raise _wrong(
            "hook_deadline_s has to lie in (0, 60], boot_free_factor be at least 1, root_free_bytes at least 0"
        )
    if blank := [finding for finding, reason in policy.accepted.items() if not str(reason).strip()]:
        raise _wrong(f"accepted findings need a written reason: {', '.join(sorted(blank))}")
    try:
        NoiseFilter(policy.noise, policy.noise_off)
    except NotUnderstood as error:
        raise _wrong(error.what) from error
    return policy


def write_configuration(plain: Mapping[str, Any], path: Path, *, dry_run: bool) -> Converged:
    """Write the policy to ``path`` when it is not there yet, mode 0600 in a folder 0700."""
    wanted = to_json(policy_from_pillar(plain), indent=2) + "\n"
    try:
        present = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        present = ""
    private = path.exists() and path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    if present == wanted and private:
        return Converged(True, f"{path} holds the policy.")
    changes = (
        StateChange(str(path), present, wanted)
        if present != wanted
        else StateChange(str(path), "readable by others", "mode 0600 in a folder 0700"),
    )
    if not dry_run:
        private_folder(path.parent)
        replace_file(path, wanted.encode())
    return Converged(True, f"{path} {'would hold' if dry_run else 'holds'} the policy from pillar.", changes)


def _only_known(plain: Any, kind: type, where: str) -> None:
    if not isinstance(plain, Mapping):
        raise _wrong(f"{where} has to be a mapping of keys, and is {type(plain).__name__}")
    known = {field.name for field in dataclasses.fields(typing.cast("Any", kind))}
    if strange := sorted(str(key) for key in plain if key not in known):
        raise _wrong(f"{where} has no key {', '.join(strange)}; there are {', '.join(sorted(known))}")


def _wrong(what: str, where: str = "pillar bootkeep") -> BootkeepError:
    return BootkeepError(what, where=where, next_step="Correct the pillar; the configuration was not changed.")

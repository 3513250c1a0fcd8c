"""The guard: no transaction takes away the kernel that is known to work. Refused before anything is unpacked.

On by default for one case only: the package that owns the last-good kernel's image or modules would be removed. A
transaction that replaces these files in place may run, because they are preserved first; when they cannot be, it is refused
too. What would leave fewer bootable kernels than the policy wants is reported by the checks, not refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bootkeep.edges.clock import moment_of, now_utc
from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.processes import person_behind
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError, StoreError
from bootkeep.facts.finding import Evidence, Finding, Severity
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.transaction import Action, Override, PackageChange
from bootkeep.flows.package_family import kernel_owners, uses_rpm
from bootkeep.flows.preserve import image_of

#: How long an override waits for the transaction that it is for.
OVERRIDE_MINUTES = 15
OVERRIDE_VARIABLE = "BOOTKEEP_OVERRIDE"
DEFAULT = "the default kernel"
_REMOVALS = frozenset({Action.REMOVE, Action.PURGE})
_REPLACEMENTS = frozenset({Action.INSTALL, Action.UPGRADE, Action.DOWNGRADE, Action.REINSTALL})


@dataclass(frozen=True, slots=True)
class ProtectedKernel:
    """The kernel that must survive, and the packages that own its image and its modules."""

    release: str
    why: str  # ``the last-good kernel``, ``the running kernel``, ``the default entry's kernel``
    image: str  # path in /boot
    owners: Mapping[str, str]  # package name -> what it owns: a path, for the message
    architectures: Mapping[str, str]  # package name -> architecture where the file list carries one
    versions: Mapping[str, str] = field(
        default_factory=dict
    )  # package name -> the one version that owns them, with rpm


def protected_kernel(root: Path, store: Store) -> ProtectedKernel | None:
    """Which kernel the guard stands before: last-good, else running, else the default entry's; None when there is none.

    A last-good kernel whose packaged image was replaced lives on as a preserved copy, which no package owns and no removal
    can take. The package of the running kernel stays protected then: its modules are in use, and it is most often the same
    release, upgraded in place and not proven yet.
    """
    last_good = store.last_good()
    if isinstance(last_good, LastGood):
        found = _protect(root, last_good.release, "the last-good kernel")
        if found and _digest_or_none(root, found.image) == last_good.image_sha256:
            return found
    for release, why in (
        (_running_release(root), "the running kernel"),
        (_default_release(root), DEFAULT),
    ):
        found = _protect(root, release, why) if release else None
        if found:
            return found
    return None


def judge_plan(
    protected: ProtectedKernel | None, changes: Iterable[PackageChange], *, brings: Collection[str] = ()
) -> Finding | None:
    """Whether a plan takes the protected kernel away; the finding says what and where, None lets it pass. Pure.

    ``brings``: kernel releases whose files the plan's new packages carry, where the package manager says so.
    """
    if protected is None:
        return None
    hits = [change for change in changes if takes_away(protected, change, brings)]
    if not hits:
        return None
    names = ", ".join(dict.fromkeys(change.name for change in hits))
    doing = "removing" if all(change.action in _REMOVALS for change in hits) else "upgrading"
    return Finding(
        id="kernel-removal-planned",
        boot_class="B04",
        severity=Severity.WILL_NOT_BOOT,
        summary=f"{doing} {names} would take away {protected.why} {protected.release}, the one this host "
        + ("would boot" if protected.why == DEFAULT else "is known to boot"),
        evidence=tuple(
            Evidence(
                f"rpm -ql {change.name}-{protected.versions[change.name]}"
                if change.name in protected.versions
                else f"/var/lib/dpkg/info/{change.name}.list",
                protected.owners[change.name],
            )
            for change in hits
        ),
        remedy="kernel-removal-planned",
        subject=protected.release,
    )


def takes_away(protected: ProtectedKernel, change: PackageChange, brings: Collection[str] = ()) -> bool:
    """Whether one line of a plan removes files of the protected kernel without bringing them again. Pure.

    dpkg has one version of a package, and another one is unpacked over it. rpm erases the old version of what it upgrades,
    and keeps others of the same name: so there the version decides.
    """
    if not _owns(protected, change):
        return False
    version = protected.versions.get(change.name, "")
    if change.action in _REMOVALS:
        return not version or change.old_version in {"", version}
    return (
        bool(version)
        and change.action in {Action.UPGRADE, Action.DOWNGRADE}
        and change.old_version == version
        and protected.release not in brings
    )


def replaced_in_place(protected: ProtectedKernel | None, changes: Iterable[PackageChange]) -> bool:
    """Whether a plan unpacks over the protected kernel's files, so that they must be preserved first. Pure.

    A package of another name may bring the same paths: ``linux-image-unsigned-<release>`` in the place of the signed one, or
    the package of a kernel that was built by hand before. All of them carry the release in their name.
    """
    if protected is None:
        return False
    return any(
        change.action in _REPLACEMENTS
        and (
            (
                _owns(protected, change)
                and change.old_version in {protected.versions.get(change.name, change.old_version)}
            )
            or _is_named_after(protected.release, change.name)
        )
        for change in changes
    )


def _is_named_after(release: str, name: str) -> bool:
    # bindeb-pkg and the kernel team alike: lower case, and "-" for what a package's name may not hold.
    wanted = re.sub(r"[^a-z0-9.+-]", "-", release.lower())
    return bool(re.search(rf"-{re.escape(wanted)}(?![0-9a-z+])", name)) and "headers" not in name


def override_for(store: Store, environment: Mapping[str, str], person: str, now: str) -> Override | None:
    """The override in force: the environment's, else the waiting one, which is used up even when it came too late."""
    reason = environment.get(OVERRIDE_VARIABLE, "").strip()
    if reason:
        return Override(reason[:500], person, now)
    try:
        waiting = store.take_override()
    except StoreError:
        return None
    return waiting if waiting and not has_expired(waiting, now) else None


def has_expired(override: Override, now: str) -> bool:
    """Whether it was given longer ago than it is good for, or in the future (a clock was set back)."""
    try:
        age = moment_of(now) - moment_of(override.given_at)
    except ValueError:
        return True
    return not timedelta(0) <= age <= timedelta(minutes=OVERRIDE_MINUTES)


def _owns(protected: ProtectedKernel, change: PackageChange) -> bool:
    if change.name not in protected.owners:
        return False
    architecture = protected.architectures.get(change.name, "")
    return not architecture or not change.architecture or architecture == change.architecture


def _protect(root: Path, release: str, why: str) -> ProtectedKernel | None:
    image = image_of(root, release)
    if image is None or not (uses_rpm(root) or (root / "var/lib/dpkg/info").is_dir()):
        return None
    found = kernel_owners(root, image, release)
    return ProtectedKernel(
        release,
        why,
        image,
        {one.name: one.path for one in reversed(found)},
        {one.name: one.architecture for one in reversed(found)},
        {one.name: one.version for one in reversed(found) if one.version},
    )


def _digest_or_none(root: Path, path: str) -> str | None:
    try:
        return sha256_of(root / path[1:])
    except OSError:
        return None


def _running_release(root: Path) -> str:
    try:
        return (root / "proc/sys/kernel/osrelease").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _default_release(root: Path) -> str:
    from bootkeep.flows.default_release import default_release  # seldom needed by a hook

    return default_release(root)


def give_override(reason: str, store: Store | None = None) -> Override:
    """Let the next refused transaction pass; raises BootkeepError without a reason: the log must be able to say why."""
    reason = " ".join(reason.split())[:500]
    if len(reason) < 3:
        raise BootkeepError(
            "an override needs a reason",
            where="--override",
            next_step="Say in a few words why this transaction must run.",
        )
    override = Override(reason, person_behind(os.getpid()) or "root", now_utc())
    (store or Store()).save_override(override)
    return override

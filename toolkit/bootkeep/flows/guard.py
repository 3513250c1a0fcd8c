"""The guard: no transaction takes away the kernel that is known to work. Refused before anything is unpacked.

On by default for one case only: the package that owns the last-good kernel's image or modules would be removed. A
transaction that replaces these files in place may run, because they are preserved first; when they cannot be, it is refused
too. What would leave fewer bootable kernels than the policy wants is reported by the checks, not refused.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.native import dpkg_owners
from bootkeep.edges.processes import person_behind
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError, NotUnderstood, StoreError
from bootkeep.facts.finding import Evidence, Finding, Severity
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.transaction import Action, Override, PackageChange
from bootkeep.flows.preserve import kernel_files
from bootkeep.probes.bootloaders.grub_cfg import find_entry, first_entry, parse_grub_cfg
from bootkeep.probes.bootloaders.grubenv import parse_grubenv

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


def judge_plan(protected: ProtectedKernel | None, changes: Iterable[PackageChange]) -> Finding | None:
    """Whether a plan takes the protected kernel away; the finding says what and where, None lets it pass. Pure."""
    if protected is None:
        return None
    hits = [change for change in changes if change.action in _REMOVALS and _owns(protected, change)]
    if not hits:
        return None
    names = ", ".join(change.name for change in hits)
    return Finding(
        id="kernel-removal-planned",
        boot_class="B04",
        severity=Severity.WILL_NOT_BOOT,
        summary=f"removing {names} would take away {protected.why} {protected.release}, the one this host "
        + ("would boot" if protected.why == DEFAULT else "is known to boot"),
        evidence=tuple(
            Evidence(f"/var/lib/dpkg/info/{change.name}.list", protected.owners[change.name]) for change in hits
        ),
        remedy="kernel-removal-planned",
        subject=protected.release,
    )


def replaced_in_place(protected: ProtectedKernel | None, changes: Iterable[PackageChange]) -> bool:
    """Whether a plan unpacks over the protected kernel's files, so that they must be preserved first. Pure.

    A package of another name may bring the same paths: ``linux-image-unsigned-<release>`` in the place of the signed one, or
    the package of a kernel that was built by hand before. All of them carry the release in their name.
    """
    if protected is None:
        return False
    return any(
        change.action in _REPLACEMENTS and (_owns(protected, change) or _is_named_after(protected.release, change.name))
        for change in changes
    )


def _is_named_after(release: str, name: str) -> bool:
    # bindeb-pkg and the kernel team alike: lower case, and "-" for what a package's name may not hold.
    wanted = re.sub(r"[^a-z0-9.+-]", "-", release.lower())
    return bool(re.search(rf"-{re.escape(wanted)}(?![0-9a-z+])", name)) and "headers" not in name


def refusal_text(finding: Finding, changes: Iterable[PackageChange], manager: str, protected: ProtectedKernel) -> str:
    """What a person reads: what was refused, the command to use instead, and the override. Pure."""
    plan = tuple(changes)
    removals = [change for change in plan if change.action in _REMOVALS]
    rest = [change.name for change in removals if not _owns(protected, change)]
    owners = " ".join(sorted(change.name for change in removals if _owns(protected, change)))
    verb = "purge" if all(change.action is Action.PURGE for change in removals) else "remove"
    tool = f"dpkg --{verb}" if manager == "dpkg" else f"apt-get {verb}"
    lines = [f"bootkeep: REFUSED, nothing was changed: {finding.summary}."]
    if len(removals) < len(plan):
        # An upgrade or an installation: what else it removes makes place for something, and is not to be removed alone.
        lines.append(f"  do this instead:   apt-mark hold {owners}, and repeat the command")
    elif rest:
        lines.append(f"  do this instead:   apt-mark hold {owners} && {tool} {' '.join(rest)}")
    else:
        lines.append(
            f"  do this instead:   apt-mark hold {owners}     (boot another kernel first; once it is proven, remove this one)"
        )
    lines.append(f"  if you must:       {OVERRIDE_VARIABLE}='the reason' in front of the command (sudo: behind it),")
    lines.append("                     or: bootkeep preserve --override 'the reason', and repeat within 15 minutes")
    return "\n".join(lines)


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
        age = _moment(now) - _moment(override.given_at)
    except ValueError:
        return True
    return not timedelta(0) <= age <= timedelta(minutes=OVERRIDE_MINUTES)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _owns(protected: ProtectedKernel, change: PackageChange) -> bool:
    if change.name not in protected.owners:
        return False
    architecture = protected.architectures.get(change.name, "")
    return not architecture or not change.architecture or architecture == change.architecture


def _protect(root: Path, release: str, why: str) -> ProtectedKernel | None:
    files = kernel_files(root, release)
    if files is None or not (root / "var/lib/dpkg/info").is_dir():
        return None
    owners: dict[str, str] = {}
    architectures: dict[str, str] = {}
    # Only modules themselves: linux-headers-* owns links in /lib/modules/<release> too, and no boot needs those.
    for prefix in (files.image, f"/lib/modules/{release}/kernel/", f"/usr/lib/modules/{release}/kernel/"):
        for path, names in json.loads(dpkg_owners.answer(root, prefix)).items():
            if prefix == files.image and path != files.image:
                continue
            for name in names:
                package, _, architecture = name.partition(":")
                owners.setdefault(package, path)
                architectures[package] = architecture
    return ProtectedKernel(release, why, files.image, owners, architectures)


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
    """The release that GRUB starts by itself, resolved as GRUB does; empty when it cannot be told.

    ``next_entry`` is left out: it counts for one boot, and the kernel of a trial is not the one to come back to.
    """
    try:
        text = (root / "boot/grub/grub.cfg").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    try:
        menu = parse_grub_cfg(text, where="grub.cfg", locate=lambda path, _uuid: path)
        wanted = menu.default
        if wanted in {"${saved_entry}", "$saved_entry"}:
            block = (root / "boot/grub/grubenv").read_text(encoding="utf-8", errors="surrogateescape")
            wanted = parse_grubenv(block).get("saved_entry", "")
        entry = (find_entry(menu.items, wanted) if wanted else None) or first_entry(menu.items)
        kernel = entry.kernel_path if entry else ""
    except (NotUnderstood, OSError, RecursionError):  # better the first of a menu that we do not understand than none
        found = re.search(r"^\s*linux\S*\s+(\S+)", text, re.MULTILINE)
        kernel = found[1] if found else ""
    name = kernel.rsplit("/", 1)[-1]
    if name in {"vmlinuz", "vmlinux"}:  # the links that linux-update-symlinks keeps
        link = root / ("boot" if "/boot/" in kernel or (root / "boot" / name).is_symlink() else "") / name
        name = link.readlink().name if link.is_symlink() else name
    found = re.fullmatch(r"vmlinu[xz]-(.+)", name)
    return found[1] if found else ""


def refusal_without_copy(protected: ProtectedKernel, why: str) -> str:
    """What a person reads when an in-place upgrade is refused because the kernel could not be preserved first. Pure."""
    names = " ".join(sorted(protected.owners))
    return "\n".join(
        (
            f"bootkeep: REFUSED, nothing was changed: this replaces {protected.why} {protected.release} in place, "
            "and it cannot be preserved first.",
            f"  why:               {why}",
            f"  do this instead:   make room and repeat, or leave this kernel alone for now: apt-mark hold {names}",
            f"  if you must:       {OVERRIDE_VARIABLE}='the reason' in front of the command (sudo: behind it),",
            "                     or: bootkeep preserve --override 'the reason', and repeat within 15 minutes",
        )
    )


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

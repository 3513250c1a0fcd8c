"""Keep apt from removing the kernels that matter: {running, default, last-good, newest}, and the newest few.

apt's own rule (``apt-pkg/algorithms.cc``, since 2.3: the running kernel and the newest ones, by package name) knows neither
the default entry nor the last-good kernel. ``APT::NeverAutoRemove`` holds extended regular expressions over package names;
anchored and escaped names mean exactly these packages.

Which packages: every owner of a file below ``/lib/modules/<release>`` besides the owner of the image, so Ubuntu's
``linux-modules-extra-*`` (drivers that nothing depends on) is kept too. Headers are not: they own only the ``build`` and
``source`` links there, a machine boots without them, and DKMS needs them when a kernel arrives, not when it starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.run import run
from bootkeep.facts.boot_entry import DefaultEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.kernel import BootFile, Kernel, LastGood, OwningPackage
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.common import default_kernel, has_modules, initramfs_of, needs_no_initramfs

UNATTENDED = "Unattended-Upgrade::Remove-Unused-Kernel-Packages"


@dataclass(frozen=True, slots=True)
class Protection:
    """Which kernels are to be kept, why, and how many of all kernels could boot."""

    reasons: Mapping[str, tuple[str, ...]]  # kernel release -> why it is kept; newest first
    bootable: tuple[str, ...]  # releases (a preserved one with its package version) that could boot, distinct images
    unsure: tuple[str, ...] = field(default=())  # what could not be looked at, so that everything is kept


def may_boot(kernel: Kernel) -> bool:
    """Whether its files are all there and none is known to be damaged; what is not known to be whole does not count."""
    if kernel.image.size_bytes <= 0 or kernel.image_error:
        return False
    if isinstance(kernel.package, OwningPackage) and kernel.package.state in {"unpacked", "half-installed"}:
        return False
    if needs_no_initramfs(kernel):
        return True
    image = initramfs_of(kernel)
    return has_modules(kernel) and image is not None and not image.listing_error and image.has_init is not False


def plan_protection(state: BootState, *, keep: int) -> Protection:
    """What to keep. ``state.kernels`` comes newest first by the package manager's own comparison.

    Whatever cannot be looked at widens the set to every kernel: ignorance never removes one. Raises BootkeepError when the
    kernels themselves are unknown.
    """
    if isinstance(state.kernels, (Unknown, Absent)):
        why = state.kernels.why if isinstance(state.kernels, Unknown) else "there is no kernel"
        raise BootkeepError(
            f"the kernels of this machine are not known: {why}",
            where="/boot",
            next_step="Run `bootkeep check` and repair what it names; nothing was changed.",
        )
    packaged = [kernel for kernel in state.kernels if not kernel.preserved]
    unsure: list[str] = []
    reasons: dict[str, list[str]] = {kernel.release: [] for kernel in packaged}

    def keep_release(release: str, why: str) -> None:
        if release in reasons and why not in reasons[release]:
            reasons[release].append(why)

    for what, fact in (("running kernel", state.running_release), ("last-good kernel", state.last_good)):
        if isinstance(fact, Unknown):
            unsure.append(f"{what}: {fact.why}")
        elif isinstance(fact, LastGood):
            keep_release(fact.release, "last-good")
        elif isinstance(fact, str):
            keep_release(fact, "running")
    default = _default_release(state, unsure)
    if default:
        keep_release(default, "default")
    if packaged:
        keep_release(packaged[0].release, "newest")
    # A newest kernel that cannot boot is no way back: count `keep` among those that can.
    for kernel in [kernel for kernel in packaged if may_boot(kernel)][:keep]:
        keep_release(kernel.release, f"newest {keep}")
    if unsure:
        for release in reasons:
            keep_release(release, "not everything could be looked at")
    return Protection(
        {release: tuple(why) for release, why in reasons.items() if why},
        _distinct_bootable(state.kernels),
        tuple(unsure),
    )


def _default_release(state: BootState, unsure: list[str]) -> str:
    default = state.default_entry
    if isinstance(default, Unknown):
        unsure.append(f"default entry: {default.why}")
    elif isinstance(default, DefaultEntry) and isinstance(default.entry, Unknown):
        unsure.append(f"default entry: {default.entry.why}")
    kernel = default_kernel(state)
    return kernel.release if kernel else ""


def _distinct_bootable(kernels: Iterable[Kernel]) -> tuple[str, ...]:
    """Kernels that may boot, each image once: a preserved hard link of an installed kernel is not a second kernel."""
    seen: dict[object, str] = {}
    for kernel in kernels:
        if may_boot(kernel):
            seen.setdefault(
                _identity(kernel.image), f"{kernel.release} (preserved)" if kernel.preserved else kernel.release
            )
    return tuple(seen.values())


def _identity(image: BootFile) -> object:
    return image.sha256 if isinstance(image.sha256, str) else (image.path, image.inode)


def anchored(package: str) -> str:
    """A package name as an extended regular expression that matches it and nothing else.

    Debian package names hold ``a-z 0-9 + - .``: only ``.`` and ``+`` mean something in a regular expression.
    """
    return "^" + re.sub(r"([.+])", r"\\\1", package) + "$"


def configuration(packages: Mapping[str, tuple[str, ...]], *, unattended_removal: bool) -> str:
    """The text of the apt configuration file: what is kept, each with the reason. The same input gives the same bytes."""
    lines = [
        "// Written by bootkeep (Salt state bootkeep.kernels_kept). Changes here are overwritten.",
        "// These kernels are kept: the machine's ways back. apt removes others as it always did.",
        "APT::NeverAutoRemove",
        "{",
        *(f'  "{anchored(name)}";  // {", ".join(why)}' for name, why in sorted(packages.items())),
        "};",
    ]
    if not unattended_removal:
        lines += [
            "// unattended-upgrades would remove unused kernels before it installs new ones, and this list may be old by then.",
            f'{UNATTENDED} "false";',
        ]
    return "\n".join(lines) + "\n"


def owners(release: str) -> tuple[str, ...]:
    """Packages that own files of this release's modules, other than the links to its headers."""
    found: set[str] = set()
    for folder in (f"/lib/modules/{release}", f"/usr/lib/modules/{release}"):
        # dpkg-query's own patterns are shell globs: a release never holds one of their characters (*?[\).
        done = run(["dpkg-query", "--search", f"{folder}/*"], timeout_s=60)
        if done.missing or done.timed_out:
            raise BootkeepError(
                f"dpkg-query gave no answer: {done.stderr or 'no end after 60 s'}",
                where=folder,
                next_step="Repair dpkg's database; nothing was changed.",
            )
        for line in done.stdout.splitlines():
            names, separator, path = line.partition(": ")
            if separator and not names.startswith("diversion ") and path not in {f"{folder}/build", f"{folder}/source"}:
                found.update(name.split(":")[0].strip() for name in names.split(","))
    return tuple(sorted(found))


def protected_packages(state: BootState, protection: Protection) -> dict[str, tuple[str, ...]]:
    """Package name -> why it is kept."""
    packages: dict[str, tuple[str, ...]] = {}
    kernels = () if isinstance(state.kernels, (Absent, Unknown)) else state.kernels
    for kernel in kernels:
        why = protection.reasons.get(kernel.release)
        if why is None or kernel.preserved:
            continue
        names = set(owners(kernel.release))
        if isinstance(kernel.package, OwningPackage):
            names.add(kernel.package.name)
        for name in names:
            packages[name] = tuple(dict.fromkeys((*packages.get(name, ()), *why)))
    return packages


def protect_kernels(
    state: BootState, path: Path, *, keep: int, minimum: int, unattended_removal: bool, dry_run: bool
) -> Converged:
    """Write the protection and prove that apt honours it; raises BootkeepError when the machine cannot be looked at."""
    protection = plan_protection(state, keep=keep)
    packages = protected_packages(state, protection)
    wanted = configuration(packages, unattended_removal=unattended_removal).encode()
    try:
        present: bytes | None = path.read_bytes()
    except FileNotFoundError:
        present = None
    kept = (
        "; ".join(f"{release} ({', '.join(why)})" for release, why in protection.reasons.items())
        or "none has a package"
    )
    comments = [f"Kept from automatic removal: {kept}."]
    comments += [f"Everything is kept because this is not known: {why}." for why in protection.unsure]
    changes: tuple[StateChange, ...] = ()
    if present != wanted:
        old = "" if present is None else present.decode("utf-8", "replace")
        changes = (StateChange(str(path), old, wanted.decode()),)
        if not dry_run:
            replace_file(path, wanted, mode=0o644)
    problems = [] if dry_run and changes else not_in_force(packages, unattended_removal=unattended_removal)
    if problems and changes and not dry_run:
        comments.append("The file was written, but apt does not follow it.")
    comments += problems
    enough = len(protection.bootable) >= minimum
    if not enough:
        there = ", ".join(protection.bootable) or "none"
        comments.append(
            f"Only {len(protection.bootable)} kernel(s) can boot ({there}); {minimum} are needed. "
            "Install a second one beside it: pillar bootkeep:lookup:kernel:packages, or apt-get install."
        )
    return Converged(enough and not problems, " ".join(comments), changes)


def not_in_force(packages: Iterable[str], *, unattended_removal: bool) -> list[str]:
    """What apt itself says against the protection: its merged configuration, and what it would remove now."""
    packages = tuple(packages)
    dump = run(["apt-config", "dump"], timeout_s=30)
    if dump.exit_code != 0:
        return [f"apt-config could not read apt's configuration: {dump.stderr.strip()[-300:] or 'no answer'}."]
    settings = re.findall(r'^(\S+) "(.*)";$', dump.stdout, flags=re.MULTILINE)
    patterns = {value for key, value in settings if key == "APT::NeverAutoRemove::"}
    problems = [
        f"apt-config does not show {anchored(package)} under APT::NeverAutoRemove."
        for package in packages
        if anchored(package) not in patterns
    ]
    last = [value for key, value in settings if key == UNATTENDED]
    if not unattended_removal and last[-1:] != ["false"]:
        problems.append(f"{UNATTENDED} is {last[-1:] or 'not set'} in apt-config's dump: a later file overrides it.")
    return problems + _simulated_removals(packages)


def _simulated_removals(packages: Iterable[str]) -> list[str]:
    # -s takes no lock and changes nothing (apt-get(8)); Debug::NoLocking keeps it from waiting for a running apt.
    done = run(["apt-get", "-s", "-o", "Debug::NoLocking=1", "autoremove"], timeout_s=120)
    if done.exit_code != 0:
        return [f"`apt-get -s autoremove` could not be simulated: {(done.stderr or done.stdout).strip()[-300:]}"]
    removed = set(re.findall(r"^(?:Remv|Purg) (\S+) ", done.stdout, flags=re.MULTILINE))
    return [f"`apt-get autoremove` would still remove {package}." for package in packages if package in removed]

"""The proof at the end: the patched disk is booted for real, first into the preserved kernel, then into the new default."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.lab.host import DisposableHost
from bootkeep.lab.image import Image
from bootkeep.lab.vm import Boot, boot


@dataclass(frozen=True, slots=True)
class Preserved:
    """The preserved kernel that the next boot is asked for."""

    key: str
    release: str
    package_version: str
    dummy_sha256: str  # digest of one module of the preserved tree, which differs from the replaced one's


@dataclass(frozen=True, slots=True)
class Boots:
    """How the boots went."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]


def choose_preserved(host: DisposableHost, *, once: bool = True) -> Preserved | None:
    """The preserved kernel; None when there is none. ``once``: GRUB is asked (``grub-reboot``) to boot it the next time."""
    folder = host.path("/boot/bootkeep")
    keys = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".")) if folder.is_dir() else []
    if not keys:
        return None
    if once:
        host.must(["grub-reboot", f"bootkeep-{keys[0]}"])
    release, _, version = keys[0].rpartition("_")
    module = host.path(f"/usr/lib/bootkeep/preserved/{keys[0]}/modules/kernel/drivers/net/dummy.ko")
    return Preserved(keys[0], release, version, hashlib.sha256(module.read_bytes()).hexdigest())


def boot_for_real(disk: Path, image: Image, preserved: Preserved | None, progress: Callable[[str], None]) -> Boots:
    """Boot twice: the one-shot entry, then the default that stands in grub.cfg."""
    lines: list[str] = []
    problems: list[str] = []
    if preserved is None:
        problems.append("no kernel is preserved: nothing to boot")
    else:
        progress(f"booting the disk for real: preserved {preserved.release} ({preserved.package_version})")
        done = boot(disk)
        problems += [f"preserved entry: {problem}" for problem in preserved_problems(done, preserved)]
        lines.append(_line("the preserved kernel", done))
    progress("booting the disk for real: the default entry")
    done = boot(disk)
    if done.facts.get("release") != image.third_kernel or done.facts.get("state") != "running":
        problems.append(f"default entry: {done.facts or done.console[-400:]}")
    lines.append(_line("the new default", done))
    return Boots((*lines, *(f"DOES NOT HOLD: {problem}" for problem in problems)), tuple(problems))


def _line(what: str, done: Boot) -> str:
    if not done.came_up:
        return f"{what} did not come up within {done.seconds:.0f} s"
    facts = done.facts
    build = facts.get("version", "").split(" Debian ")[-1].split(" ")[0]
    own = ", with its own modules" if facts.get("modules") else ""
    return (
        f"{what}: {facts.get('release')} (build {build}) came up {facts.get('state')} after {done.seconds:.0f} s{own}"
    )


def preserved_problems(done: Boot, wanted: Preserved) -> list[str]:
    """What of a boot of the preserved kernel is not as it was before; nothing when all is."""
    if not done.came_up:
        return [f"did not come up: {done.console[-400:]}"]
    facts = done.facts
    checks = {
        "another kernel": facts.get("release") == wanted.release,
        "another build": f"Debian {wanted.package_version} " in facts.get("version", ""),
        "not by its own entry": f"bootkeep.preserved={wanted.key}" in facts.get("cmdline", ""),
        "not its own modules": facts.get("dummy") == wanted.dummy_sha256 and bool(facts.get("modules")),
        "its modules do not load": facts.get("loads") == "yes",
        "not healthy": facts.get("state") == "running",
    }
    return [f"{name}: {facts}" for name, holds in checks.items() if not holds]

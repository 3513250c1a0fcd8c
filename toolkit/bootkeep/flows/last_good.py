"""mark_last_good: the kernel that runs has booted well, so it becomes the one that must not be lost."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges import processes
from bootkeep.edges.clock import now_utc
from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.preserved import PreserveError, preserved_kernels
from bootkeep.edges.run import run
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.kernel import LastGood
from bootkeep.flows.configuration import FEWEST_KERNELS
from bootkeep.flows.preserve import (
    clean_preserved,
    kernel_files,
    refresh_preserved,
    running_preserved,
    write_menu,
)
from bootkeep.flows.put_back_kernels import clean_put_back
from bootkeep.flows.transaction import close_orphans

#: is-system-running's words for a boot that is good enough (systemctl(1)); ``degraded``: a unit failed, the system is up.
HEALTHY = frozenset({"running", "degraded"})
#: /proc/version of Debian and Ubuntu names the package: ``Debian 6.1.76-1 (2024-02-01)``, ``Ubuntu 6.8.0-31.31-generic``.
_VERSION_TEXT = re.compile(r"(?:\bDebian |~)?\b(?P<version>\d[0-9A-Za-z.+~:-]*) \(\d{4}-\d{2}-\d{2}\)\s*$")


class NotHealthy(BootkeepError):
    """This boot cannot prove its kernel."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What marking did."""

    last_good: LastGood
    changed: bool  # False: this boot had already proven it
    removed: tuple[str, ...]  # preserved copies that are needless now, and releases whose files had been put back
    failed_units: tuple[str, ...]  # why the boot is degraded; empty when it is not


def mark_last_good(
    store: Store,
    *,
    root: Path = Path("/"),
    wait_s: float = 0.0,
    dry_run: bool = False,
    minimum_kernels: int = FEWEST_KERNELS,
) -> Marked:
    """Record the running kernel as last-good when this boot is healthy and its image in /boot is what booted.

    Waits up to ``wait_s`` seconds for the boot to be complete. Raises NotHealthy with the reason otherwise: nothing is
    recorded and nothing is removed then. ``dry_run``: only say what would be recorded. ``minimum_kernels``: so many others that
    can boot must be there before a kernel goes whose package is gone.
    """
    if not dry_run:
        close_orphans(store, root=root)
    failed = _require_healthy(wait_s)
    release = (root / "proc/sys/kernel/osrelease").read_text(encoding="ascii").strip()
    version, image = running_image(root, release)
    digest = sha256_of(root / image[1:])
    before = store.last_good()
    boot = processes.boot_id()
    if isinstance(before, LastGood) and (before.boot_id, before.image_sha256) == (boot, digest):
        return Marked(before, False, (), failed)
    last_good = LastGood(release, version, digest, boot, now_utc())
    if dry_run:
        return Marked(last_good, True, (), failed)
    store.save_last_good(last_good)
    with contextlib.suppress(PreserveError):
        refresh_preserved(root, last_good)
    removed: tuple[str, ...] = ()
    with contextlib.suppress(PreserveError):  # a read-only /boot: what is proven is proven all the same
        removed = clean_put_back(root, store, minimum=minimum_kernels)
        removed += clean_preserved(root, last_good)
    with contextlib.suppress(PreserveError):
        write_menu(root)
    return Marked(last_good, True, removed, failed)


def _require_healthy(wait_s: float) -> tuple[str, ...]:
    argv = ["systemctl", "is-system-running", *(["--wait"] if wait_s else [])]
    done = run(argv, timeout_s=max(5.0, wait_s))
    word = done.stdout.strip()
    if done.missing or not word:
        raise NotHealthy(
            "this boot cannot be judged: systemd does not answer",
            where="systemctl is-system-running",
            next_step="Look at 'systemctl status'.",
        )
    if word not in HEALTHY:
        raise NotHealthy(
            f"this boot is not healthy yet: {word}",
            where="systemctl is-system-running",
            next_step="See 'systemctl --failed' and 'systemctl list-jobs', then run it again.",
        )
    if word == "running":
        return ()
    failed = run(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"], timeout_s=10.0)
    return tuple(line.split()[0] for line in failed.stdout.splitlines() if line.split())


def running_image(root: Path, release: str) -> tuple[str, str]:
    """Package version and path of the image that booted. Raises NotHealthy when /boot now holds another one."""
    key = running_preserved(root)
    if key:
        for record in preserved_kernels(root):
            if record.key == key and record.release == release:
                return record.package_version, f"/boot/bootkeep/{key}/vmlinuz"
        raise NotHealthy(
            f"the preserved kernel {key} runs, but its copy is gone",
            where="/boot/bootkeep",
            next_step="Preserve a kernel that is there: 'bootkeep preserve'.",
        )
    files = kernel_files(root, release)
    if files is None:
        raise NotHealthy(
            f"the kernel {release} runs, but /boot has no image of it",
            where="/boot",
            next_step="Install it again before the next reboot, or start another kernel.",
        )
    version_text = (root / "proc/version").read_text(encoding="utf-8", errors="replace").strip()
    header = _header_version(root, files.image)
    running = version_text.removeprefix(f"Linux version {release} ")
    # The image's header ends like /proc/version ("#1 SMP ... Debian 6.1.76-1 (2024-02-01)"): two builds never agree.
    build = running[running.rfind("#") :] if "#" in running else ""
    if header and build and not header.endswith(build):
        raise NotHealthy(
            f"{files.image} was replaced since this boot: it is not the kernel that runs",
            where="/proc/version",
            next_step="Reboot into it, then it can be proven.",
        )
    found = _VERSION_TEXT.search(version_text)
    if not header and found and files.package_version and found["version"] != files.package_version:
        raise NotHealthy(
            f"{files.image} is {files.package_version}, but {found['version']} runs",
            where="/proc/version",
            next_step="Reboot into it, then it can be proven.",
        )
    return files.package_version, files.image


def _header_version(root: Path, image: str) -> str:
    from bootkeep.edges.native.kernel_images import describe

    path = root / image[1:]
    with path.open("rb") as stream:
        described = describe(stream.read(64 * 1024), path.stat().st_size)
    return described["version"].strip() if described else ""

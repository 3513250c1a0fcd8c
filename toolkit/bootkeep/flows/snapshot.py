"""take_snapshot: one look at a machine, as readings; config_copies: the texts that a report will want to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from bootkeep import __version__
from bootkeep.compare.at_stake import LONGEST_COPY_BYTES, ConfigurationOnly, config_paths_at_stake
from bootkeep.edges.clock import now_utc
from bootkeep.edges.collect import collect
from bootkeep.edges.config_copies import read_copies
from bootkeep.edges.files import replace_file
from bootkeep.edges.host import Host, LiveHost
from bootkeep.edges.redaction_key import read_key
from bootkeep.facts.codec import to_json
from bootkeep.facts.config_copy import FreshCopy
from bootkeep.facts.reading import Snapshot
from bootkeep.facts.reading_redaction import redact_readings
from bootkeep.facts.transaction import PackageChange
from bootkeep.probes.config.files import conffiles_of, config_files_of, edited_conffiles_of, file_lists_probe
from bootkeep.probes.packages.scripts import package_probes
from bootkeep.probes.read import File, Probe
from bootkeep.probes.services.aftermath import journal_probe
from bootkeep.probes.system_probes import DEEP_PROBES, SYSTEM_PROBES

_BOOT_ID = File("/proc/sys/kernel/random/boot_id")


def take_snapshot(
    phase: str,
    *,
    root: Path = Path("/"),
    host: Host | None = None,
    packages: Iterable[PackageChange] = (),
    boot: bool = False,
    deadline_s: float = 4.0,
    tier: int = 2,
    since: str = "",
    meanwhile: Callable[[], object] | None = None,
) -> Snapshot:
    """Look once. Never raises for what the machine is: a read that fails or comes too late is a reading that says so.

    ``host`` when it is given (a recorded one, say), else the live host at ``root``. ``packages``: the transaction's, so
    that what they own can be told from what they do not. ``boot``: also take what ``bootkeep check`` judges (kernels,
    loader, file systems); that costs seconds, so hooks leave it to a later phase.
    ``deadline_s``: after so many seconds the remaining reads are answered TIMEOUT. ``tier``: take probes up to this one (1 is the
    least, 3 takes seconds and is the detached worker's). ``since``: also the journal's errors from then on, as ``@<seconds>``.
    ``meanwhile``: as for :func:`bootkeep.edges.collect.collect`.
    """
    owned = {change.name: change.architecture for change in packages}
    everything = (file_lists_probe(owned), *package_probes(owned), *SYSTEM_PROBES, *DEEP_PROBES)
    probes: tuple[Probe, ...] = tuple(probe for probe in everything if probe.tier <= tier)
    if since:
        probes = (*probes, journal_probe(since))
    if boot:
        from bootkeep.probes.boot_probes import BOOT_PROBES

        probes = (*probes, *BOOT_PROBES)
    host = host or LiveHost(root)
    boot_id = host.answer(_BOOT_ID)
    taken_at = now_utc()
    readings = collect(host, probes, deadline_s=deadline_s, meanwhile=meanwhile)
    return Snapshot(
        phase=phase,
        taken_at=taken_at,
        host=host.name,
        boot_id=boot_id.text.strip() if boot_id.ok else "",
        readings=readings,
        tool_version=__version__,
    )


def config_copies(
    snapshot: Snapshot,
    packages: Iterable[PackageChange] = (),
    *,
    also: Iterable[str] = (),
    root: Path = Path("/"),
    key: bytes | None = None,
) -> dict[str, FreshCopy]:
    """Copies of the files that the transaction may replace, for :func:`bootkeep.edges.kept_copies.add_copies`.

    ``key`` is the store's for pseudonyms (:mod:`bootkeep.edges.redaction_key`). Take it before the transaction, and again
    after it with ``also`` set to the paths that were copied before.
    """
    readings = snapshot.readings
    state = ConfigurationOnly(config_files_of(readings), conffiles_of(readings), edited_conffiles_of(readings))
    paths = sorted({*config_paths_at_stake(state, packages), *also})
    return read_copies(paths, root=root, limit_bytes=LONGEST_COPY_BYTES, key=key)


def without_secrets(snapshot: Snapshot, root: Path = Path("/")) -> Snapshot:
    """The snapshot as it may leave this process: secrets under the host's pseudonyms. Twice is once."""
    return replace(snapshot, readings=redact_readings(snapshot.readings, read_key(root / "var/lib/bootkeep")))


def save_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot as JSON without secrets, whole or not at all, readable by its owner only. Raises OSError."""
    replace_file(path, to_json(without_secrets(snapshot), indent=1).encode("ascii") + b"\n")

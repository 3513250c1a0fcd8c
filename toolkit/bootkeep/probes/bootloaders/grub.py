"""GRUB on one machine: the files around its menu, and the default entry as GRUB itself will resolve it."""

from __future__ import annotations

import posixpath
import re

from bootkeep.facts.boot_entry import Bls, BootEntry, DefaultEntry, GrubConfig
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import rows_of, text_of, why
from bootkeep.probes.bootloaders import bls
from bootkeep.probes.bootloaders.grub_cfg import (
    GrubMenu,
    Included,
    find_entry,
    first_entry,
    parse_grub_cfg,
    started_entry,
)
from bootkeep.probes.bootloaders.grubenv import parse_grubenv
from bootkeep.probes.bootloaders.paths import Locator
from bootkeep.probes.bootloaders.places import DEBIAN, PLACES, GrubPlace, place_of
from bootkeep.probes.machine.identity import MACHINE_ID
from bootkeep.probes.packages.installed import is_rpm
from bootkeep.probes.read import File, Probe
from bootkeep.probes.understand import texts, understood

#: Debian's menu, where it is asked for by name.
CFG = DEBIAN.menu
DEFAULTS = File("/etc/default/grub")
DEBCONF = File("/var/cache/debconf/config.dat", limit_bytes=32 * 1024 * 1024)
#: SUSE: the disks that update-bootloader installs to, one a line, then ``activate`` and ``generic_mbr`` (perl-Bootloader).
INSTALL_DEVICE = File("/etc/default/grub_installdevice")


def grub_config(readings: Readings, locator: Locator) -> Maybe[GrubConfig]:
    """grub.cfg with its entries, ours included; Absent when there is none."""
    place = place_of(readings)
    menu = _menu(readings, locator, place)
    if isinstance(menu, (Absent, Unknown)):
        return menu
    rows = rows_of(readings, place.files, place.folder)
    by_path = {str(row.get("path")): row for row in rows} if isinstance(rows, tuple) else {}
    path = place.menu.path
    row = by_path.get(path, {})
    return GrubConfig(
        path=path,
        size_bytes=int(row.get("size", len(readings[place.menu.key].text))),
        mtime_ns=int(row.get("mtime_ns", 0)),
        entries=menu.entries,
        leftovers=tuple(path for path in (f"{path}.new", f"{path}.tmp") if path in by_path),
        syntax_error=_syntax_error(readings, place),
        # The rpm families' grub.cfg sources custom.cfg by itself, and what preserves a kernel puts our line in there.
        sources_preserved=any(
            source.endswith("/bootkeep.cfg") or (place is not DEBIAN and source.endswith("/custom.cfg"))
            for source in menu.sources
        ),
        bls=_bls(readings, menu, place),
        passwords=menu.passwords,
    )


def _menu(readings: Readings, locator: Locator, place: GrubPlace) -> Maybe[GrubMenu]:
    text = text_of(readings, place.menu, place.menu.path)
    if not isinstance(text, str):
        return text
    environment = _environment(readings, place)
    remembers = environment if isinstance(environment, dict) else {}
    included = [
        Included(each.path, readings[each.key].text) for each in (place.custom, place.ours) if readings[each.key].ok
    ]
    try:
        menu = parse_grub_cfg(text, where=place.menu.path, locate=locator, environment=remembers, included=included)
        if menu.uses_bls:
            files = _bls_files(readings)
            if isinstance(files, Unknown):
                return files
            found = [bls.entry_of(file, _variables(readings, menu, place), locator) for file in files]
            entries = tuple(entry for entry in found if entry is not None)
            menu = parse_grub_cfg(
                text, where=place.menu.path, locate=locator, bls=entries, environment=remembers, included=included
            )
    except (NotUnderstood, RecursionError) as error:
        return Unknown(str(error))
    return menu


def _bls_files(readings: Readings) -> tuple[bls.BlsFile, ...] | Unknown:
    """The entries' files in menu order; none where the folder is not there (GRUB then shows none)."""
    found = understood(readings, bls.ENTRIES, lambda text: bls.in_order(texts(text, bls.ENTRIES.key)))
    return () if isinstance(found, Absent) else found


def _variables(readings: Readings, menu: GrubMenu, place: GrubPlace) -> dict[str, str]:
    """What GRUB knows when it makes the entries: grub.cfg's own words, and over them what grubenv remembers.

    10_linux sets kernelopts only where grubenv does not ("if [ -z ... ]").
    """
    remembered = _environment(readings, place)
    return {**dict(menu.variables), **(remembered if isinstance(remembered, dict) else {})}


def _bls(readings: Readings, menu: GrubMenu, place: GrubPlace) -> Maybe[Bls]:
    if not menu.uses_bls:
        return Absent("blscfg")
    files = _bls_files(readings)
    if isinstance(files, Unknown):
        return files
    machine_id = text_of(readings, MACHINE_ID, MACHINE_ID.path)
    if isinstance(machine_id, Unknown):
        return machine_id
    asks = any("$kernelopts" in line or "${kernelopts}" in line for file in files for line in file.all("options"))
    remembered = _environment(readings, place)
    from_environment = isinstance(remembered, dict) and bool(remembered.get("kernelopts"))
    from_menu = bool(dict(menu.variables).get("kernelopts"))
    return Bls(
        files=tuple(file.path for file in files),
        problems=bls.problems_of(files, machine_id.strip() if isinstance(machine_id, str) else ""),
        kernel_options=asks,
        kernel_options_from="grubenv" if from_environment else "grub.cfg" if from_menu else "",
    )


def _syntax_error(readings: Readings, place: GrubPlace) -> Maybe[str]:
    reading, tool = readings[place.check.key], place.check.argv[0]
    if not reading.ok:
        return Unknown(f"{tool}: {why(reading)}")
    if reading.exit_code == 0:
        return ""
    return (reading.detail or reading.text).strip() or f"{tool} ended with {reading.exit_code}"


def default_entry(
    readings: Readings, locator: Locator, *, place: GrubPlace | None = None, one_shot: bool = True
) -> Maybe[DefaultEntry]:
    """What GRUB starts by itself at the next boot, and which text chose it; without ``one_shot`` at the boots after it.

    ``place``: where GRUB's files are, when that is known already.
    """
    place = place or place_of(readings)
    menu = _menu(readings, locator, place)
    if isinstance(menu, (Absent, Unknown)):
        return menu
    variables = _environment(readings, place)
    if isinstance(variables, Unknown):
        if set(menu.defaults) & set(_SAVED):
            return variables
        variables = {}
    once = variables.get("next_entry", "")
    if once and one_shot:
        return _resolved(menu, once, "next_entry", place)
    others = [
        path for path in menu.unread if posixpath.basename(path) not in _HARMLESS and _is_there(readings, path, place)
    ]
    if others:
        return Unknown(f"{place.menu.path} goes on with {others[0]}, which may choose another entry and was not read")
    if len(menu.defaults) > 1:
        return Unknown(f"only the boot decides which default {place.menu.path} sets: {', '.join(menu.defaults)}")
    if menu.default in _SAVED:
        saved = variables.get("saved_entry", "")
        return _resolved(menu, saved, "saved_entry", place) if saved else _resolved(menu, "0", "first entry", place)
    chosen_by = "first entry" if menu.default == "0" else "GRUB_DEFAULT"
    return _resolved(menu, menu.default, chosen_by, place)


def first_of_menu(readings: Readings, locator: Locator, place: GrubPlace) -> BootEntry | None:
    """What GRUB starts when nothing of the menu is called as the default says; None without an entry that we understand."""
    menu = _menu(readings, locator, place)
    return None if isinstance(menu, (Absent, Unknown)) else first_entry(menu.items)


_SAVED = ("${saved_entry}", "$saved_entry")
#: They choose nothing: SUSE's snapshots add a submenu (80_suse_btrfs_snapshot), EL's user.cfg holds a password (01_users).
_HARMLESS = frozenset({"grub-snapshot.cfg", "snapshot_submenu.cfg", "user.cfg"})


def _is_there(readings: Readings, path: str, place: GrubPlace) -> bool:
    """Whether a sourced file is there. Only of GRUB's own folder is that known; of any other place it is taken to be."""
    rows = rows_of(readings, place.files, place.folder)
    name = re.sub(r"^(?:\$prefix|\$\{prefix\}|\$config_directory|\$\{config_directory\})/", f"{place.folder}/", path)
    if any(name == each.path and readings[each.key].status is Status.ABSENT for each in (place.custom, place.ours)):
        return False
    if not isinstance(rows, tuple) or posixpath.dirname(name) != place.folder:
        return True
    return any(row.get("path") == name for row in rows)


def _resolved(menu: GrubMenu, wanted: str, chosen_by: str, place: GrubPlace) -> DefaultEntry:
    names_first = place is not DEBIAN
    entry: BootEntry | None = find_entry(menu.items, wanted, names_first=names_first)
    instead = None if entry else started_entry(menu.items, wanted, names_first=names_first)
    return DefaultEntry(wanted, chosen_by, entry or Absent(f"a menu entry called {wanted}"), instead)


def _environment(readings: Readings, place: GrubPlace) -> dict[str, str] | Unknown:
    reading = readings[place.environment.key]
    if reading.status is Status.ABSENT:
        return {}
    if not reading.ok:
        return Unknown(f"{place.environment.path} could not be read: {why(reading)}")
    try:
        return parse_grubenv(reading.text)
    except NotUnderstood:
        return {}  # GRUB says "invalid environment block" and goes on without variables; grub-environment-damaged tells it


def debconf_values(text: str, name: str) -> Maybe[str]:
    """Value of one question in debconf's config.dat (Config::File backend: paragraphs of ``Field: value``)."""
    for paragraph in text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in paragraph.splitlines() if not line.startswith(" "))
        if fields.get("Name", "").strip() == name:
            return fields.get("Value", "").strip()
    return Absent(name)


def install_devices(readings: Readings) -> Maybe[tuple[str, ...]]:
    """The disks that the next upgrade of GRUB will install to: Debian's debconf answer, SUSE's grub_installdevice.

    Absent when nobody was asked; EL installs to none.
    """
    if is_rpm(readings):
        listed = text_of(readings, INSTALL_DEVICE, INSTALL_DEVICE.path)
        if not isinstance(listed, str):
            return listed
        words = (line.split("#")[0].strip() for line in listed.splitlines())
        return tuple(word for word in words if word.startswith("/dev/"))
    text = text_of(readings, DEBCONF, "debconf's database")
    if not isinstance(text, str):
        return text
    value = debconf_values(text, "grub-pc/install_devices")
    if isinstance(value, (Absent, Unknown)):
        return value
    return tuple(device.strip() for device in value.split(",") if device.strip())


GRUB = Probe(
    name="grub",
    reads=(
        *(read for place in PLACES for read in place.reads),
        DEFAULTS,
        bls.ENTRIES,
        MACHINE_ID,
        DEBCONF,
        INSTALL_DEVICE,
    ),
    understand=lambda readings: text_of(readings, place_of(readings).menu, "grub.cfg"),
)

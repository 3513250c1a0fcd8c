"""GRUB on one machine: the files around its menu, and the default entry as GRUB itself will resolve it."""

from __future__ import annotations

from bootkeep.facts.boot_entry import BootEntry, DefaultEntry, GrubConfig
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import rows_of, text_of, why
from bootkeep.probes.bootloaders.grub_cfg import GrubMenu, MenuItem, find_entry, parse_grub_cfg
from bootkeep.probes.bootloaders.grubenv import parse_grubenv
from bootkeep.probes.bootloaders.paths import Locator
from bootkeep.probes.read import Command, File, Listing, Probe

CFG = File("/boot/grub/grub.cfg", limit_bytes=16 * 1024 * 1024)
ENV = File("/boot/grub/grubenv", limit_bytes=64 * 1024)
OURS = File("/boot/grub/bootkeep.cfg")
DEFAULTS = File("/etc/default/grub")
FILES = Listing("/boot/grub/*")
#: Reads the file and says nothing when it is well formed; writes nothing (grub-script-check(1)).
CHECK = Command(("grub-script-check", CFG.path))
DEBCONF = File("/var/cache/debconf/config.dat", limit_bytes=32 * 1024 * 1024)


def grub_config(readings: Readings, locator: Locator) -> Maybe[GrubConfig]:
    """grub.cfg with its entries, ours included; Absent when there is none."""
    menu = _menu(readings, locator)
    if isinstance(menu, (Absent, Unknown)):
        return menu
    rows = rows_of(readings, FILES, "/boot/grub")
    by_path = {str(row.get("path")): row for row in rows} if isinstance(rows, tuple) else {}
    row = by_path.get(CFG.path, {})
    return GrubConfig(
        path=CFG.path,
        size_bytes=int(row.get("size", len(readings[CFG.key].text))),
        mtime_ns=int(row.get("mtime_ns", 0)),
        entries=menu.entries,
        leftovers=tuple(path for path in (f"{CFG.path}.new", f"{CFG.path}.tmp") if path in by_path),
        syntax_error=_syntax_error(readings),
        sources_preserved=any(source.endswith("/bootkeep.cfg") for source in menu.sources),
    )


def _menu(readings: Readings, locator: Locator) -> Maybe[GrubMenu]:
    text = text_of(readings, CFG, CFG.path)
    if not isinstance(text, str):
        return text
    try:
        menu = parse_grub_cfg(text, where=CFG.path, locate=locator)
        ours = readings[OURS.key]
        if ours.ok and any(source.endswith("/bootkeep.cfg") for source in menu.sources):
            more = parse_grub_cfg(ours.text, where=OURS.path, locate=locator)
            menu = GrubMenu(_with_ours(menu, more), menu.default, menu.sources)
    except (NotUnderstood, RecursionError) as error:
        return Unknown(str(error))
    return menu


def _with_ours(menu: GrubMenu, ours: GrubMenu) -> tuple[MenuItem, ...]:
    """Our line is emitted by 42_bootkeep, after everything but 4x_custom: the end is where the entries appear."""
    return (*menu.items, *ours.items)


def _syntax_error(readings: Readings) -> Maybe[str]:
    reading = readings[CHECK.key]
    if not reading.ok:
        return Unknown(f"grub-script-check: {why(reading)}")
    if reading.exit_code == 0:
        return ""
    return (reading.detail or reading.text).strip() or f"grub-script-check ended with {reading.exit_code}"


def default_entry(readings: Readings, locator: Locator) -> Maybe[DefaultEntry]:
    """What GRUB starts by itself at the next boot, and which text chose it."""
    menu = _menu(readings, locator)
    if isinstance(menu, (Absent, Unknown)):
        return menu
    variables = _environment(readings)
    if isinstance(variables, Unknown):
        if menu.default in _SAVED:
            return variables
        variables = {}
    one_shot = variables.get("next_entry", "")
    if one_shot:
        return _resolved(menu, one_shot, "next_entry")
    if menu.default in _SAVED:
        saved = variables.get("saved_entry", "")
        return _resolved(menu, saved, "saved_entry") if saved else _resolved(menu, "0", "first entry")
    chosen_by = "first entry" if menu.default == "0" else "GRUB_DEFAULT"
    return _resolved(menu, menu.default, chosen_by)


_SAVED = ("${saved_entry}", "$saved_entry")


def _resolved(menu: GrubMenu, wanted: str, chosen_by: str) -> DefaultEntry:
    entry: BootEntry | None = find_entry(menu.items, wanted)
    return DefaultEntry(wanted, chosen_by, entry or Absent(f"a menu entry called {wanted}"))


def _environment(readings: Readings) -> dict[str, str] | Unknown:
    reading = readings[ENV.key]
    if reading.status is Status.ABSENT:
        return {}
    if not reading.ok:
        return Unknown(f"{ENV.path} could not be read: {why(reading)}")
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
    """The disks that Debian's grub-pc will install to at its next upgrade; Absent when it was never asked."""
    text = text_of(readings, DEBCONF, "debconf's database")
    if not isinstance(text, str):
        return text
    value = debconf_values(text, "grub-pc/install_devices")
    if isinstance(value, (Absent, Unknown)):
        return value
    return tuple(device.strip() for device in value.split(",") if device.strip())


GRUB = Probe(
    name="grub",
    reads=(CFG, ENV, OURS, DEFAULTS, FILES, CHECK, DEBCONF),
    understand=lambda readings: text_of(readings, CFG, CFG.path),
)

"""A default that waits: GRUB_DEFAULT was edited, and the next update-grub (every kernel update runs it) brings it into force.

Source: grub-mkconfig(8), /etc/grub.d/00_header: /etc/default/grub and then /etc/default/grub.d/*.cfg are shell code; an empty
GRUB_DEFAULT means 0, ``saved`` becomes ``${saved_entry}``, and the value ends in ``set default="..."``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from bootkeep.facts.boot_entry import PendingDefault
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import text_of
from bootkeep.probes.bootloaders.grub_cfg import find_entry, first_entry, parse_grub_cfg
from bootkeep.probes.bootloaders.paths import Locator
from bootkeep.probes.bootloaders.places import place_of
from bootkeep.probes.bootloaders.settings import GRUB_SETTINGS
from bootkeep.probes.read import Probe
from bootkeep.probes.understand import texts, understood

DEFAULTS = "/etc/default/grub"
_ASSIGNED = re.compile(r"^\s*(?:export\s+)?GRUB_DEFAULT=(.*)$", re.MULTILINE)
#: Every value that grub.cfg may set; 00_header's other branch is for one boot only.
_SET = re.compile(r"^\s*set\s+default=(?P<quote>[\"']?)(?P<value>[^\"'\n]*)(?P=quote)\s*$", re.MULTILINE)
_ONE_SHOT = frozenset({"${next_entry}", "$next_entry"})
_SAVED = frozenset({"${saved_entry}", "$saved_entry"})
_NOTHING = Absent("a change of GRUB_DEFAULT")


def grub_default(files: Mapping[str, str]) -> tuple[str, str]:
    """GRUB_DEFAULT and the file that sets it last. Raises NotUnderstood where only a shell could tell."""
    value, source = "0", DEFAULTS
    for path in sorted(path for path in files if path == DEFAULTS or path.startswith(f"{DEFAULTS}.d/")):
        for match in _ASSIGNED.finditer(files[path]):
            try:
                words = shlex.split(match[1], comments=True)
            except ValueError as error:
                raise NotUnderstood(f"GRUB_DEFAULT={match[1][:80]}: {error}", where=path) from error
            if re.search(r"[$`]", match[1]) or len(words) > 1:
                raise NotUnderstood(f"GRUB_DEFAULT={match[1][:80]} is shell code", where=path)
            value, source = (words or [""])[0] or "0", path
    return value, source


def pending_default(readings: Readings, locator: Locator) -> Maybe[PendingDefault]:
    """The change that waits; Absent when there is none, or neither file is there."""
    setting = understood(readings, GRUB_SETTINGS, lambda text: _setting(texts(text, GRUB_SETTINGS.key)))
    place = place_of(readings)
    menu = text_of(readings, place.menu, place.menu.path)
    if isinstance(setting, (Absent, Unknown)):
        return setting
    if isinstance(menu, (Absent, Unknown)):
        return menu
    wanted, source = setting
    written = [match["value"] for match in _SET.finditer(menu) if match["value"] not in _ONE_SHOT]
    present = ["saved" if value in _SAVED else value or "0" for value in written]
    # More than one: somebody's own script in /etc/grub.d sets it again, and will do so the next time.
    if not source or not present or wanted in present:
        return _NOTHING
    if wanted == "saved":
        return PendingDefault(wanted, present[-1], source, Unknown("what grubenv will name"))
    try:
        items = parse_grub_cfg(menu, where=place.menu.path, locate=locator).items
    except (NotUnderstood, RecursionError) as error:
        return Unknown(str(error))
    entry = find_entry(items, wanted) or first_entry(items)
    return PendingDefault(wanted, present[-1], source, entry or Absent("a menu entry"))


def _setting(files: Mapping[str, str]) -> tuple[str, str]:
    return grub_default(files) if DEFAULTS in files else ("", "")


GRUB_DEFAULT = Probe(
    name="grub default",
    reads=(GRUB_SETTINGS,),
    understand=lambda readings: understood(
        readings, GRUB_SETTINGS, lambda text: _setting(texts(text, GRUB_SETTINGS.key))[0]
    ),
)

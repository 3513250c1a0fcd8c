"""What decides which kernel starts next: /etc/default/grub, grubenv, and the kernels that bootkeep preserved."""

from __future__ import annotations

from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.lines import Keyed, assignments, name_of, texts_read
from bootkeep.probes.read import Listing, Probe
from bootkeep.probes.understand import rows, texts, understood

GRUB_SETTINGS = texts_read("/etc/default/grub", "/etc/default/grub.d/*.cfg", "/boot/grub/grubenv")
PRESERVED = Listing("/boot/bootkeep/*")
_ENVIRONMENT = frozenset({"saved_entry", "next_entry", "prev_saved_entry"})


def boot_settings_of(readings: Readings) -> Maybe[Keyed]:
    """``GRUB_DEFAULT`` and the like, ``saved_entry``, and ``preserved kernel <key>``."""
    files = understood(readings, GRUB_SETTINGS, lambda text: texts(text, GRUB_SETTINGS.key))
    kept = understood(readings, PRESERVED, lambda text: tuple(rows(text, PRESERVED.key)))
    for side in (files, kept):
        if isinstance(side, Unknown):
            return side
    found: Keyed = {}
    if not isinstance(files, (Absent, Unknown)):
        for path, text in sorted(files.items()):
            environment = name_of(path) == "grubenv"
            for _section, key, value in assignments(text):
                if environment == (key in _ENVIRONMENT):
                    found[key] = value.strip("\"'")
    if not isinstance(kept, (Absent, Unknown)):
        found |= {f"preserved kernel {name_of(str(row.get('path', '')))}": "kept" for row in kept}
    return found


BOOT_SETTINGS = Probe("boot setting", (GRUB_SETTINGS, PRESERVED), boot_settings_of)

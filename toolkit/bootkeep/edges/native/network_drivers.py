"""Which module drives each network card, and which installed kernels lack that module."""

from __future__ import annotations

import json
from pathlib import Path

from bootkeep.edges.native.module_names import module_names, releases

_NET = Path("/sys/class/net")


def answer(_root: Path, _argument: str) -> str:
    """JSON ``{"cards": {interface: driver}, "missing": {release: [driver, ...]}}``: neither a module nor built in there."""
    cards: dict[str, str] = {}
    for card in sorted(_NET.iterdir()):
        module = card / "device/driver/module"
        driver = card / "device/driver"
        if module.exists():
            cards[card.name] = module.resolve().name.replace("-", "_")
        elif driver.exists():
            cards[card.name] = ""  # a driver of the kernel itself that no module could be
    wanted = {name for name in cards.values() if name}
    missing: dict[str, list[str]] = {}
    for release in releases():
        files, built_in = module_names(release)
        # A name that no kernel here knows belongs to the kernel proper: nothing can be said about it.
        lacking = sorted(wanted - files - built_in)
        if lacking and files:
            missing[release] = lacking
    return json.dumps({"cards": cards, "missing": missing})

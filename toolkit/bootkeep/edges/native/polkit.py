"""``polkit``: of polkit's action and rule files the lines that say who may do what; the rest is translations, 400 kB of them."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

#: Folder -> ending, in polkit's own places (polkit(8)).
_PLACES = {
    "etc/polkit-1/rules.d": ".rules",
    "usr/share/polkit-1/rules.d": ".rules",
    "usr/share/polkit-1/actions": ".policy",
}
_TELLING = ("<action ", "<allow_", "</action>", "polkit.Result")
_LONGEST_BYTES = 1024 * 1024


def answer(root: Path, _argument: str) -> str:
    """JSON object ``{path: lines}``. FileNotFoundError where polkit is not installed; OSError (EFBIG) on a file past 1 MiB."""
    found: dict[str, str] = {}
    places = 0
    for place, ending in _PLACES.items():
        try:
            names = sorted(os.listdir(root / place))
        except (FileNotFoundError, NotADirectoryError):
            continue
        places += 1
        for name in names:
            if name.endswith(ending):
                with (root / place / name).open("rb") as stream:
                    content = stream.read(_LONGEST_BYTES + 1)
                if len(content) > _LONGEST_BYTES:
                    raise OSError(errno.EFBIG, "longer than a polkit file is", f"/{place}/{name}")
                lines = content.decode("utf-8", "surrogateescape").split("\n")
                found[f"/{place}/{name}"] = "\n".join(
                    line.strip()[:400] for line in lines if any(word in line for word in _TELLING)
                )
    if not places:
        raise FileNotFoundError(errno.ENOENT, "no polkit here")
    return json.dumps(found)

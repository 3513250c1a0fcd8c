"""What a tool says of a running machine, in the words of a root that is mounted there (rescue shell, image)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def mountpoints_below(text: str, root: Path) -> str:
    """lsblk's JSON with the mount points that lie in ``root``, named from there; those of the machine around it are dropped.

    Else the rescue system's own ``/`` would be taken for the root that is looked at. What is not lsblk's JSON stays as it is.
    """
    try:
        tree = json.loads(text)
        for node in tree["blockdevices"]:
            _translate(node, str(root.absolute()).rstrip("/"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text
    return json.dumps(tree)


def _translate(node: dict[str, Any], root: str) -> None:
    points = node.get("mountpoints") or [node.get("mountpoint")]
    node["mountpoints"] = [
        str(point)[len(root) :] or "/"
        for point in points
        if point and (point == root or str(point).startswith(f"{root}/"))
    ] or [None]
    node.pop("mountpoint", None)
    for child in node.get("children") or ():
        _translate(child, root)

"""Links in /dev/disk/by-id, by the names that lsblk has for devices."""

from __future__ import annotations

import json

from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.probes.storage.block import BY_ID, persistent_links


def test_a_mapping_has_its_links_by_its_own_name() -> None:
    """lsblk says mpatha, the links lead to dm-0: a grub-pc that names one of them was said to name nothing."""
    names = ("dm-name-mpatha", "dm-uuid-mpath-35000c5")
    rows = [{"path": f"/dev/disk/by-id/{name}", "target": "../../dm-0"} for name in names]
    rows.append({"path": "/dev/disk/by-id/virtio-a", "target": "../../vda"})
    links = persistent_links(Readings({BY_ID.key: Reading(Status.OK, json.dumps(rows))}))
    assert links["mpatha"] == links["dm-0"] == tuple(f"/dev/disk/by-id/{name}" for name in names)
    assert links["vda"] == ("/dev/disk/by-id/virtio-a",)

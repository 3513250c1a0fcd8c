"""mdstat, crypttab, mdadm.conf, pvs and multipath's list."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.errors import NotUnderstood
from bootkeep.probes.storage.stacks import (
    parse_crypttab,
    parse_lvm_devices,
    parse_mdstat,
    parse_pvs,
    parse_raid_config,
    parse_wwids,
)

MDSTAT = """Personalities : [raid1] [raid6] [raid5] [raid4]
md1 : active raid5 sdd1[3] sdc1[1](F) sdb1[0]
      2093056 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [U_U]
      [=>...................]  recovery =  7.9% (83456/1046528) finish=0.5min speed=27818K/sec

md0 : active (auto-read-only) raid1 vdb2[1] vda2[0]
      2489344 blocks super 1.2 [2/2] [UU]

md9 : inactive sde1[0](S)
      1046528 blocks super 1.2

md5 : active raid0 sdf1[1] sdg1[0]
      2093056 blocks super 1.2 512k chunks

unused devices: <none>
"""


def test_arrays() -> None:
    five, one, nine, zero = parse_mdstat(MDSTAT)
    assert (five.name, five.level, five.wanted, five.working, five.failed) == ("md1", "raid5", 3, 2, ("sdc1",))
    assert five.degraded and five.rebuilding
    assert one.level == "raid1" and not one.degraded and not one.rebuilding
    assert not nine.active and not nine.degraded
    assert zero.level == "raid0" and not zero.degraded


def test_crypttab_lines() -> None:
    lines = parse_crypttab("# c\n\nroot UUID=1-2 none luks,discard\nswap\\040x /dev/sda2 /dev/urandom swap\nodd\n")
    assert [line.name for line in lines] == ["root", "swap x"] and lines[0].options == ("luks", "discard")


def test_arrays_of_the_configuration() -> None:
    text = "ARRAY /dev/md0\n   metadata=1.2 UUID=AB01:cd\n#ARRAY UUID=9\narr /dev/md1 uuid=ff:00\nMAILADDR x\n"
    assert parse_raid_config(text) == ("ab01cd", "ff00")


def test_physical_volumes() -> None:
    rows = [
        {"pv_name": "/dev/sda2", "pv_uuid": "a-b", "vg_name": "vg0", "pv_missing": ""},
        {"pv_name": "[unknown]", "pv_uuid": "c", "vg_name": "vg0", "pv_missing": "missing"},
    ]
    text = json.dumps({"report": [{"pv": rows}]})
    here, gone = parse_pvs(text)
    assert not here.missing and gone.missing and gone.group == "vg0"
    with pytest.raises(NotUnderstood):
        parse_pvs('{"report": []}')


def test_lists() -> None:
    assert parse_wwids("# x\n/3600508b400105e21/\n") == ("3600508b400105e21",)
    assert parse_lvm_devices("VERSION=1.1\nIDTYPE=devname IDNAME=/dev/vda2 DEVNAME=/dev/vda2 PVID=AbC\n") == ("AbC",)


@given(st.text())
def test_no_text_crashes_them(text: str) -> None:
    for parse in (parse_mdstat, parse_crypttab, parse_raid_config, parse_wwids, parse_lvm_devices):
        parse(text)
    try:
        parse_pvs(text)
    except NotUnderstood:
        return

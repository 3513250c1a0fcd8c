"""What a chroot cannot answer about the machine around it: composed for every recording, the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bootkeep.facts.reading import Reading, Status

_OPTIONS = {
    "CONFIG_BLK_DEV_INITRD": "y",
    "CONFIG_RD_GZIP": "y",
    "CONFIG_RD_BZIP2": "y",
    "CONFIG_RD_LZMA": "y",
    "CONFIG_RD_XZ": "y",
    "CONFIG_RD_LZO": "y",
    "CONFIG_RD_LZ4": "y",
    "CONFIG_RD_ZSTD": "y",
    "CONFIG_MODULE_SIG_FORCE": "n",
    "CONFIG_EFI_STUB": "y",
    "CONFIG_CRASH_DUMP": "y",
    "CONFIG_KEXEC_FILE": "y",
}


def surroundings(answers: Mapping[str, Reading], releases: tuple[str, ...]) -> dict[str, Reading]:
    """Answers to lay over a recording: a virtio card, a whole first program, nothing hidden, GRUB's core in its place.

    The options are those of Debian 12's cloud kernel. The disk of the recordings carries no boot code, because nothing starts
    from it: ``boot-sector`` answers as after grub-install.
    """
    composed = {
        "native:network-drivers": {"cards": {"eth0": "virtio_net"}, "missing": {}},
        "native:init-program": {"program": "/usr/lib/systemd/systemd", "missing": [], "problem": ""},
        "native:kernel-config": dict.fromkeys(releases, _OPTIONS),
        "native:below-mounts": {target: [] for target in ("/boot", "/boot/efi") if f" {target} " in _mounts(answers)},
        "native:boot-sector:/dev/vda": {"grub": True, "sector": 1, "core": "same", "core_image": True},
    }
    laid = {key: Reading(Status.OK, json.dumps(plain)) for key, plain in composed.items()}
    laid["file:/proc/mdstat"] = Reading(Status.OK, "Personalities : \nunused devices: <none>\n")
    for key in (
        "file:/etc/crypttab",
        "file:/etc/mdadm/mdadm.conf",
        "file:/etc/lvm/devices/system.devices",
        "file:/etc/multipath/wwids",
        "listing:/var/lib/dkms/*/*",
        "file:/etc/default/kexec",
        "file:/etc/default/kdump-tools",
        "native:sbat-level",
    ):
        laid[key] = Reading(Status.ABSENT)
    if " /boot/efi " in _mounts(answers):
        laid["native:esp:/dev/vda1|/boot/efi"] = Reading(Status.OK, json.dumps(_ESP))
        core = "/boot/grub/x86_64-efi/core.efi"
        laid[f"digest:{core}"] = Reading(Status.OK, json.dumps({core: "5e" * 32}))
        for folder in ("/usr/lib/grub/x86_64-efi-signed", "/usr/lib/shim", "/usr/lib/systemd/boot/efi"):
            laid[f"digest:{folder}/*"] = Reading(Status.ABSENT)
    return laid


def _mounts(answers: Mapping[str, Reading]) -> str:
    reading = answers.get("file:/proc/self/mountinfo")
    return reading.text if reading is not None else ""


#: As grub-install leaves it without the signed packages, the fallback loader beside it.
_ESP = {
    "files": [
        {"path": path, "size": 147456, "sha256": "5e" * 32, "signed": False, "sbat": ""}
        for path in ("EFI/BOOT/BOOTX64.EFI", "EFI/debian/grubx64.efi")
    ],
    "texts": {},
}

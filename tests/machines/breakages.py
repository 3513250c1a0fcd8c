"""The edits behind the derived machines: one function each, named after what it breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from machines.derive import Answers, Breakage
from machines.record import NEW, OLD

BIOS, BOOT, UEFI = "healthy-bios", "healthy-separate-boot", "healthy-uefi"
LUKS, MIRROR = "healthy-lvm-on-luks", "healthy-mirror-two-esps"
MENU = "file:/boot/grub/grub.cfg"
STATUS = "file:/var/lib/dpkg/status"


def _rename_release(answers: Answers, old: str, new: str) -> None:
    """A release everywhere: in texts and in the keys of readings."""
    for key in list(answers.answers):
        reading = answers.answers.pop(key)
        if key not in ("file:/proc/sys/kernel/osrelease", "file:/proc/version", "file:/proc/cmdline"):
            reading = type(reading)(reading.status, reading.text.replace(old, new), reading.exit_code, reading.detail)
        answers.answers[key.replace(old, new)] = reading


def flavour(answers: Answers) -> None:
    _rename_release(answers, NEW, NEW.replace("cloud-", "rt-"))
    rows = json.loads(answers.answers["native:kernel-images"].text)
    version = next(row["version"] for row in rows if OLD in row["path"])
    answers.put("file:/proc/sys/kernel/osrelease", f"{OLD}\n")
    answers.put("file:/proc/version", f"Linux version {version}\n")


def no_card(answers: Answers) -> None:
    answers.put("native:network-drivers", json.dumps({"cards": {"eth0": "igb"}, "missing": {NEW: ["igb"]}}))


def stub(answers: Answers) -> None:
    text = "search.fs_uuid 11111111-2222-3333-4444-555555555555 root\nconfigfile ($root)/boot/grub/grub.cfg\n"
    answers.plain("native:esp:", lambda plain: plain.update(texts={"EFI/debian/grub.cfg": text}))


def environment(answers: Answers) -> None:
    answers.replace(MENU, 'set default="0"', 'set default="${saved_entry}"')
    answers.put("file:/boot/grub/grubenv", "saved_entry=gnulinux\n")


def argument(answers: Answers) -> None:
    answers.replace(MENU, " ro  quiet", " ro rd.lvm.lv=oldvg/root quiet")


def waits(answers: Answers) -> None:
    answers.replace(MENU, "set timeout=5", "set timeout=-1")


def settings_open(answers: Answers) -> None:
    answers.replace("file:/etc/default/grub", 'GRUB_CMDLINE_LINUX=""', 'GRUB_CMDLINE_LINUX="panic=30')


def settings_of_another_system(answers: Answers) -> None:
    answers.replace("file:/etc/default/grub", "\n", "\r\n")


def silent(answers: Answers) -> None:
    answers.replace(
        MENU,
        "set default=",
        "serial --unit=0\nterminal_input console serial\nterminal_output console serial\nset default=",
    )


def esp_full(answers: Answers) -> None:
    answers.plain("space:/boot/efi", lambda plain: plain.update(free_bytes=32768))


def hidden(answers: Answers) -> None:
    answers.put("native:below-mounts", json.dumps({"/boot": ["vmlinuz-6.1.0-58-cloud-amd64", "grub"]}))


def link(answers: Answers) -> None:
    for key in answers.keys("listing:/*"):
        rows = json.loads(answers.answers[key].text)
        for row in rows:
            if row["path"] == "/vmlinuz":
                row["target"] = "boot/vmlinuz-6.1.0-30-cloud-amd64"
        answers.put(key, json.dumps(rows))


def compression(answers: Answers) -> None:
    def without(plain: dict[str, Any]) -> None:
        plain[NEW] = {**plain[NEW], "CONFIG_RD_ZSTD": "n", "CONFIG_RD_GZIP": "n"}

    answers.plain("native:kernel-config", without)


def resume(answers: Answers) -> None:
    answers.put("file:/etc/initramfs-tools/conf.d/resume", "RESUME=UUID=11111111-2222-3333-4444-555555555555\n")


def fips(answers: Answers) -> None:
    answers.replace(MENU, " ro  quiet", " ro fips=1 quiet")


def _install(answers: Answers, package: str) -> None:
    text = answers.answers[STATUS].text
    answers.put(
        STATUS,
        f"{text.rstrip()}\n\nPackage: {package}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n",
    )


def dkms(answers: Answers) -> None:
    _install(answers, "dkms")
    rows: list[dict[str, Any]] = [
        {"path": "/var/lib/dkms/r8125/9.011", "type": "dir", "size": 4096},
        {
            "path": f"/var/lib/dkms/r8125/kernel-{OLD}-x86_64",
            "type": "link",
            "size": 40,
            "target": f"9.011/{OLD}/x86_64",
        },
    ]
    answers.put("listing:/var/lib/dkms/*/*", json.dumps(rows))


def unsigned(answers: Answers) -> None:
    _secure(answers)
    answers.put("native:sbat-level", "sbat,1,2021030218\n")
    rows = json.loads(answers.answers["native:kernel-images"].text)
    answers.put(
        "native:kernel-images", json.dumps([{**row, "signed": "no" if NEW in row["path"] else "yes"} for row in rows])
    )


def core(answers: Answers) -> None:
    answers.plain("native:boot-sector:", lambda plain: plain.update(core="other"))


def stale_grub(answers: Answers) -> None:
    answers.put("digest:/boot/grub/x86_64-efi/core.efi", json.dumps({"/boot/grub/x86_64-efi/core.efi": "ab" * 32}))


def entries(answers: Answers) -> None:
    answers.replace(
        "command:efibootmgr", "8c787739-1a96-cc40-870b-9f9f1b7679f1", "11111111-1a96-cc40-870b-9f9f1b7679f1"
    )
    answers.plain("native:esp:", lambda plain: plain.update(files=[_file("EFI/debian/grubx64.efi")]))


def _file(path: str, *, signed: bool = False, sbat: str = "") -> dict[str, Any]:
    return {"path": path, "size": 147456, "sha256": "5e" * 32, "signed": signed, "sbat": sbat}


def _secure(answers: Answers) -> None:
    answers.put("native:secure-boot", "true")
    rows = json.loads(answers.answers["native:kernel-images"].text)
    answers.put("native:kernel-images", json.dumps([{**row, "signed": "yes"} for row in rows]))
    answers.plain("native:esp:", lambda plain: plain.update(files=[_file("EFI/debian/grubx64.efi", signed=True)]))


def loader_unsigned(answers: Answers) -> None:
    _secure(answers)
    answers.put("native:sbat-level", "sbat,1,2021030218\n")
    answers.plain("native:esp:", lambda plain: plain.update(files=[_file("EFI/debian/grubx64.efi")]))


def revoked(answers: Answers) -> None:
    _secure(answers)
    answers.put("native:sbat-level", "sbat,1,2024010900\nshim,4\ngrub,4\n")
    old = _file(
        "EFI/debian/grubx64.efi",
        signed=True,
        sbat="sbat,1,SBAT,sbat,1,url\ngrub,3,FSF,grub,2.06,url\n",
    )
    answers.plain("native:esp:", lambda plain: plain.update(files=[old]))


def names(answers: Answers) -> None:
    answers.replace("file:/proc/cmdline", " ro ", " ro net.ifnames=0 ")


def init(answers: Answers) -> None:
    missing = ["libc.so.6 (needed by /usr/lib/systemd/systemd)"]
    answers.put(
        "native:init-program", json.dumps({"program": "/usr/lib/systemd/systemd", "missing": missing, "problem": ""})
    )


def kexec(answers: Answers) -> None:
    _install(answers, "kexec-tools")
    answers.put(
        "file:/etc/default/kexec", f'LOAD_KEXEC=true\nKERNEL_IMAGE="/boot/vmlinuz-{OLD}"\nUSE_GRUB_CONFIG=false\n'
    )


def kdump(answers: Answers) -> None:
    answers.put("file:/etc/default/kdump-tools", "USE_KDUMP=1\n")


def removable(answers: Answers) -> None:
    good = {
        "release": OLD,
        "package_version": "6.1.170-3",
        "image_sha256": "00" * 32,
        "boot_id": "0" * 36,
        "proven_at": "2026-11-01T00:00:00Z",
    }
    answers.put("file:/var/lib/bootkeep/last-good.json", json.dumps(good))
    answers.put(
        "file:/var/lib/apt/extended_states", f"Package: linux-image-{OLD}\nArchitecture: amd64\nAuto-Installed: 1\n"
    )
    answers.put("file:/proc/sys/kernel/osrelease", f"{NEW}\n")


def systemd_boot(answers: Answers) -> None:
    answers.replace("command:efibootmgr", "debian\\grubx64.efi", "systemd\\systemd-bootx64.efi")
    files = [_file("EFI/systemd/systemd-bootx64.efi"), _file("EFI/debian/grubx64.efi")]
    answers.plain("native:esp:", lambda plain: plain.update(files=files))


def _images(answers: Answers, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what was listed of the newest initramfs."""
    answers.plain(f"native:initramfs:/boot/initrd.img-{NEW}", change)


def no_cryptsetup(answers: Answers) -> None:
    _images(answers, lambda plain: plain.update(tools=["lvm", "mdadm"]))


def other_volume(answers: Answers) -> None:
    text = "vda2_crypt UUID=11111111-2222-3333-4444-555555555555 none luks\n"
    _images(answers, lambda plain: plain["texts"].update({"cryptroot/crypttab": text}))


def no_lvm(answers: Answers) -> None:
    _images(answers, lambda plain: plain.update(tools=["cryptsetup", "mdadm"]))


def volume_gone(answers: Answers) -> None:
    row = {"pv_name": "[unknown]", "pv_uuid": "gone", "vg_name": "vg0", "pv_missing": "missing"}
    answers.plain("command:pvs", lambda plain: plain["report"][0]["pv"].append(row))


def devices_file(answers: Answers) -> None:
    answers.put("command:lvmconfig --type full devices/use_devicesfile", "use_devicesfile=1\n")
    answers.put("file:/etc/lvm/devices/system.devices", "VERSION=1.1.1\nIDTYPE=devname IDNAME=/dev/sdq PVID=another\n")


def degraded(answers: Answers) -> None:
    answers.replace("file:/proc/mdstat", "[2/2] [UU]", "[2/1] [U_]")
    answers.replace("file:/proc/mdstat", "vdb2[1]", "vdb2[1](F)")


def array_of_before(answers: Answers) -> None:
    text = "ARRAY /dev/md/0 metadata=1.2 UUID=00000000:11111111:22222222:33333333 name=web1:0\n"
    _images(answers, lambda plain: plain["texts"].update({"etc/mdadm/mdadm.conf": text}))


def second_esp(answers: Answers) -> None:
    def older(plain: dict[str, Any]) -> None:
        plain["files"] = [
            {**row, "sha256": "0d" * 32} if row["path"] == "EFI/debian/grubx64.efi" else row for row in plain["files"]
        ]

    answers.plain("native:esp:/dev/vdb1", older)


def second_stub(answers: Answers) -> None:
    text = "search.fs_uuid 11111111-2222-3333-4444-555555555555 root\nconfigfile ($root)/boot/grub/grub.cfg\n"
    answers.plain("native:esp:/dev/vdb1", lambda plain: plain.update(texts={"EFI/debian/grub.cfg": text}))


def wrong_type(answers: Answers) -> None:
    answers.replace("file:/etc/fstab", " /var ext4 ", " /var xfs ")


def repair_word(answers: Answers) -> None:
    answers.replace("file:/boot/grub/grub.cfg", " ro ", " ro systemd.unit=emergency.target ")


def _of(base: str, story: str, edit: Callable[[Answers], None]) -> Breakage:
    return Breakage(base, story, edit)


def dkms_on_purpose(answers: Answers) -> None:
    dkms(answers)
    answers.put("native:dkms-excluded", json.dumps({"r8125/9.011": [NEW]}))


def next_from_network(answers: Answers) -> None:
    def once(plain: dict[str, Any]) -> None:
        entry = {
            "number": "0002",
            "label": "UEFI PXEv4 (MAC:525400123456)",
            "active": True,
            "partition": "",
            "loader": "",
        }
        plain.update(next="0002", entries=[*plain["entries"], entry])

    answers.plain("native:efi-variables", once)


def next_from_another_disk(answers: Answers) -> None:
    other = r"HD(1,GPT,11111111-1a96-cc40-870b-9f9f1b7679f1,0x800,0x20000)/File(\EFI\BOOT\BOOTX64.EFI)"
    answers.replace("command:efibootmgr", "Timeout:", "BootNext: 0003\nTimeout:")
    answers.put(
        "command:efibootmgr -v", answers.answers["command:efibootmgr -v"].text + f"Boot0003* UEFI Misc\t{other}\n"
    )


def next_of_fwupd(answers: Answers) -> None:
    esp = r"HD(1,GPT,8c787739-1a96-cc40-870b-9f9f1b7679f1,0x800,0x20000)/File(\EFI\debian\fwupdx64.efi)"
    answers.replace("command:efibootmgr", "Timeout:", "BootNext: 0003\nTimeout:")
    text = answers.answers["command:efibootmgr -v"].text
    answers.put("command:efibootmgr -v", f"{text}Boot0003* Linux Firmware Updater\t{esp}\n")
    answers.plain("native:esp:", lambda plain: plain["files"].append(_file("EFI/debian/fwupdx64.efi", signed=True)))


BREAKAGES = {
    "fstab-wrong-type": _of("healthy-plain-gpt", "fstab says that /var is XFS; it is ext4.", wrong_type),
    "repair-word-left": _of("healthy-plain", "A word that was added for a repair stayed in the menu.", repair_word),
    "kernel-flavour-changed": _of(BIOS, "The newest kernel is of the rt flavour, a cloud kernel runs.", flavour),
    "network-driver-gone": _of(BIOS, "The next kernel has no module for the network card.", no_card),
    "esp-stub-of-another-disk": _of(UEFI, "The stub on the ESP searches a file system that is gone.", stub),
    "grubenv-cut": _of(BIOS, "grubenv was written by hand and has lost its form; the menu asks it.", environment),
    "argument-of-an-old-volume": _of(BIOS, "The default entry still asks for a volume of another machine.", argument),
    "menu-waits": _of(BIOS, "GRUB_TIMEOUT=-1 on a headless machine.", waits),
    "settings-without-a-closing-mark": _of(
        BIOS, "An argument was added to /etc/default/grub, and the quotation mark behind it forgotten.", settings_open
    ),
    "settings-of-another-system": _of(
        BIOS, "/etc/default/grub was saved by another system's editor.", settings_of_another_system
    ),
    "console-silent": _of(BIOS, "GRUB is on the serial line, the kernel is not.", silent),
    "esp-full": _of(UEFI, "The ESP has 32 KiB left.", esp_full),
    "boot-shadowed": _of(BOOT, "A kernel was installed while /boot was not mounted.", hidden),
    "vmlinuz-link-dangling": _of(BIOS, "/vmlinuz leads to a kernel that was removed.", link),
    "initramfs-compression": _of(
        BIOS, "The newest kernel was built without the compression of its image.", compression
    ),
    "resume-device-gone": _of(BIOS, "initramfs-tools resumes from a swap that was removed.", resume),
    "fips-without-digest": _of(BIOS, "fips=1, and no digest of the kernel.", fips),
    "dkms-not-built": _of(BIOS, "DKMS built the network card's module for the old kernel only.", dkms),
    "healthy-dkms-excluded": _of(
        BIOS, "DKMS built a module for the old kernel only: its dkms.conf excludes the new one.", dkms_on_purpose
    ),
    "secure-boot-unsigned-kernel": _of(UEFI, "Secure Boot is on, the newest kernel is unsigned.", unsigned),
    "secure-boot-unsigned-loader": _of(
        UEFI, "Secure Boot is on, grub-install put an unsigned GRUB there.", loader_unsigned
    ),
    "sbat-revoked": _of(UEFI, "Secure Boot is on, GRUB is of a revoked generation.", revoked),
    "grub-core-stale": _of(BIOS, "The disk's core image is older than GRUB's modules.", core),
    "esp-grub-stale": _of(UEFI, "The GRUB on the ESP is not the one that grub-install made.", stale_grub),
    "firmware-entries-lost": _of(
        UEFI, "The firmware's entries name a partition that is gone; no fallback loader.", entries
    ),
    "firmware-next-from-network": _of(
        "healthy-secure-boot", "BootNext was set for an installation from the network.", next_from_network
    ),
    "firmware-next-from-another-disk": _of(
        UEFI, "BootNext leads to a stick that was taken out again.", next_from_another_disk
    ),
    "healthy-uefi-firmware-update": _of(UEFI, "fwupd waits for the next start to flash the firmware.", next_of_fwupd),
    "systemd-boot-in-charge": _of(UEFI, "The firmware starts systemd-boot; GRUB's menu lies beside it.", systemd_boot),
    "interfaces-renamed": _of(BIOS, "The running kernel has net.ifnames=0, the menu has not.", names),
    "libc-missing": _of(BIOS, "The C library of the first program is missing.", init),
    "kexec-another-kernel": _of(BIOS, "kexec-tools starts the old kernel at every reboot.", kexec),
    "kdump-without-memory": _of(BIOS, "kdump is on, and the menu reserves no memory.", kdump),
    "luks-without-cryptsetup": _of(LUKS, "The newest initramfs was built without cryptsetup.", no_cryptsetup),
    "luks-of-another-volume": _of(
        LUKS, "The newest initramfs names the volume from before a reinstallation.", other_volume
    ),
    "lvm-not-in-initramfs": _of(LUKS, "The newest initramfs was built without lvm.", no_lvm),
    "lvm-volume-gone": _of(LUKS, "A second physical volume of the root's group is gone.", volume_gone),
    "lvm-devices-file": _of(LUKS, "A devices file appeared that lists another disk.", devices_file),
    "raid-degraded": _of(MIRROR, "One half of the mirror has failed.", degraded),
    "raid-config-of-before": _of(MIRROR, "The newest initramfs has the mdadm.conf of another array.", array_of_before),
    "second-esp-stale": _of(MIRROR, "The last GRUB update reached only the mounted ESP.", second_esp),
    "second-esp-stub": _of(MIRROR, "The second ESP's stub searches a file system that is gone.", second_stub),
}

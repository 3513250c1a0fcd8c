"""The edits behind the broken machines of the rpm families: one function each, named after what it breaks."""

from __future__ import annotations

import json
from typing import Any

from machines.derive import Answers, Breakage
from machines.rpm_families import (
    DATABASE,
    EL_NEW,
    EL_OLD,
    ENTRIES,
    MACHINE_ID,
    absent,
    el8_uefi,
    el9,
    el9_uefi,
    environment,
    suse15,
)

EL, EL_UEFI, SUSE = "healthy-el9-bios", "healthy-el9-uefi", "healthy-suse15-btrfs"
STRANGER = "9876543210fedcba9876543210fedcba"


def _entries(answers: Answers) -> dict[str, str]:
    plain: dict[str, str] = json.loads(answers.answers[ENTRIES].text)
    return plain


def _path(release: str, machine_id: str = MACHINE_ID) -> str:
    return f"/boot/loader/entries/{machine_id}-{release}.conf"


def _without_kernel(answers: Answers, release: str) -> None:
    """What ``rpm -U`` leaves: neither image nor initramfs, modules, entry and package of the old kernel."""
    for key in list(answers.answers):
        reading = answers.answers[key]
        if key.startswith("listing:") and release in reading.text:
            rows = [row for row in json.loads(reading.text) if release not in row["path"]]
            answers.put(key, json.dumps(rows))
        elif key.startswith(("native:initramfs:", "digest:", "file:/usr/lib/modules")) and release in key:
            del answers.answers[key]
    images = json.loads(answers.answers["native:kernel-images"].text)
    answers.put("native:kernel-images", json.dumps([row for row in images if release not in row["path"]]))
    entries = {path: text for path, text in _entries(answers).items() if release not in path}
    answers.put(ENTRIES, json.dumps(entries))
    plain = json.loads(answers.answers[DATABASE].text)
    version = release.removesuffix(".x86_64")
    plain["packages"] = [row for row in plain["packages"] if row["version"] != version]
    plain["owners"] = {path: rows for path, rows in plain["owners"].items() if release not in path}
    answers.put(DATABASE, json.dumps(plain))


def only_kernel(answers: Answers) -> None:
    _without_kernel(answers, EL_OLD)


def the_story(answers: Answers) -> None:
    """The old kernel went, and the saved default still names it."""
    _without_kernel(answers, EL_OLD)
    answers.put("file:/boot/grub2/grubenv", environment(saved_entry=f"{MACHINE_ID}-{EL_OLD}"))


def no_entry(answers: Answers) -> None:
    entries = _entries(answers)
    del entries[_path(EL_OLD)]
    answers.put(ENTRIES, json.dumps(entries))


def relative_path(answers: Answers) -> None:
    entries = _entries(answers)
    entries[_path(EL_OLD)] = entries[_path(EL_OLD)].replace("linux /", "linux ")
    answers.put(ENTRIES, json.dumps(entries))


def cloned(answers: Answers) -> None:
    """A cloned image: the old kernel's entry carries the golden image's id, which sorts higher, and nothing is saved."""
    entries = _entries(answers)
    entries[_path(EL_OLD, STRANGER)] = entries.pop(_path(EL_OLD))
    answers.put(ENTRIES, json.dumps(entries))
    answers.put("file:/boot/grub2/grubenv", environment(boot_success="0"))


def options_lost(answers: Answers) -> None:
    """EL 8's way: the arguments are in grubenv, and a new, empty block has taken its place."""
    entries = {}
    for path, text in _entries(answers).items():
        lines = [
            "options $kernelopts $tuned_params" if line.startswith("options") else line for line in text.splitlines()
        ]
        entries[path] = "\n".join(lines) + "\n"
    answers.put(ENTRIES, json.dumps(entries))
    answers.put("file:/boot/grub2/grubenv", environment())


def stub_overwritten(answers: Answers) -> None:
    """``grub2-mkconfig -o /boot/efi/EFI/rocky/grub.cfg``, as the instructions for EL 8 have it."""
    menu = answers.answers["file:/boot/grub2/grub.cfg"].text
    answers.plain("native:esp:", lambda plain: plain.update(texts={"EFI/rocky/grub.cfg": menu}))


def other_command_line(answers: Answers) -> None:
    answers.put("file:/etc/kernel/cmdline", "root=/dev/loop0p2 ro console=ttyS0\n")


def script_failed(answers: Answers) -> None:
    """A third kernel is in rpm's database and has its modules; its last script failed before it copied anything."""
    plain = json.loads(answers.answers[DATABASE].text)
    release = "5.14.0-427.31.1.el9_4.x86_64"
    version = release.removesuffix(".x86_64")
    provides = ["installonlypkg(kernel)", "kernel-core-uname-r", "kernel-uname-r"]
    plain["packages"].append(
        {"name": "kernel-core", "arch": "x86_64", "version": version, "installed": "1", "provides": provides}
    )
    for path in (f"/boot/vmlinuz-{release}", f"/lib/modules/{release}", f"/lib/modules/{release}/vmlinuz"):
        plain["owners"][path] = [["kernel-core", "x86_64", version]]
    answers.put(DATABASE, json.dumps(plain))


def no_policy(answers: Answers) -> None:
    answers.plain("native:selinux-labels", lambda plain: plain.update(policies=[]))


def no_labels(answers: Answers) -> None:
    answers.plain("native:selinux-labels", lambda plain: plain["labels"].update({"/etc/shadow": "", "/etc/passwd": ""}))


def one_kernel_kept(answers: Answers) -> None:
    answers.replace("file:/etc/dnf/dnf.conf", "installonly_limit=3", "installonly_limit=1")


def not_a_kernel_by_its_own_word(answers: Answers) -> None:
    plain = json.loads(answers.answers[DATABASE].text)
    for row in plain["packages"]:
        if row["name"] == "kernel-core":
            row["provides"] = ["kernel-uname-r"]
    answers.put(DATABASE, json.dumps(plain))


def duplicates(answers: Answers) -> None:
    plain = json.loads(answers.answers[DATABASE].text)
    twin: dict[str, Any] = dict(next(row for row in plain["packages"] if row["name"] == "systemd"))
    twin["version"] = "252-18.el9"
    plain["packages"].append(twin)
    answers.put(DATABASE, json.dumps(plain))


def digest_elsewhere(answers: Answers) -> None:
    """fips=1 with boot= naming the root file system, while /boot is one of its own."""
    entries = {}
    root = answers.answers["file:/proc/cmdline"].text.partition("root=")[2].split()[0]
    for path, text in _entries(answers).items():
        entries[path] = text.replace(" ro ", f" ro fips=1 boot={root} ")
    answers.put(ENTRIES, json.dumps(entries))
    rows = json.loads(answers.answers["listing:/boot/*"].text)
    rows.append({**rows[0], "path": f"/boot/.vmlinuz-{EL_NEW}.hmac", "type": "file", "size": 165})
    answers.put("listing:/boot/*", json.dumps(rows))


def boot_full(answers: Answers) -> None:
    plain = json.loads(answers.answers["space:/boot"].text)
    answers.put("space:/boot", json.dumps({**plain, "free_bytes": 3 * 1024 * 1024}))


def argument_of_an_old_volume(answers: Answers) -> None:
    answers.replace(ENTRIES, " ro ", " ro rd.lvm.lv=rl/root ")


def no_multiversion(answers: Answers) -> None:
    answers.replace("file:/etc/zypp/zypp.conf", "multiversion = provides:multiversion(kernel)\n", "")


def suse_default_gone(answers: Answers) -> None:
    rows = json.loads(answers.answers["listing:/boot/*"].text)
    answers.put("listing:/boot/*", json.dumps([row for row in rows if "initrd-5.14.21-150500.55" not in row["path"]]))


def stray_menu(answers: Answers) -> None:
    """What ``grub2-mkconfig -o /boot/grub2/grub.cfg`` of a machine without any entry leaves: it starts nothing."""
    answers.put("file:/boot/grub2/grub.cfg", "### BEGIN /etc/grub.d/00_header ###\nset default=0\nset timeout=-1\n")
    answers.put("command:grub2-script-check /boot/grub2/grub.cfg", "")


def database_unreadable(answers: Answers) -> None:
    absent(answers, DATABASE)


RPM_BREAKAGES: dict[str, Breakage] = {
    EL: Breakage("healthy-separate-boot", "A healthy EL 9 machine, BIOS, /boot of its own.", el9),
    EL_UEFI: Breakage("healthy-uefi", "A healthy EL 9 machine with UEFI, its menu in /boot/grub2, a stub on the ESP.", el9_uefi),
    "healthy-el8-uefi": Breakage(
        "healthy-uefi", "A healthy EL 8 machine with UEFI: its menu is on the ESP, its arguments in grubenv.", el8_uefi
    ),
    "healthy-el8-uefi-stray-menu": Breakage(
        "healthy-el8-uefi", "EL 8, UEFI: grub2-mkconfig has also written a menu to /boot/grub2, which nobody reads.", stray_menu
    ),
    SUSE: Breakage("healthy-bios", "A healthy SLES 15 SP5 on btrfs with snapper's layout.", suse15),
    "el9-only-kernel": Breakage(EL, "B01: `rpm -U` has replaced the only kernel, the entry of the new one is there.", only_kernel),
    "el9-the-story": Breakage(EL, "B01 and B08: `rpm -U` replaced the kernel, and the saved default names the old one.", the_story),
    "el9-no-entry": Breakage(EL, "B10: an installed kernel has no boot entry.", no_entry),
    "el9-entry-malformed": Breakage(EL, "B10: an entry's path has no slash in front: GRUB finds no file.", relative_path),
    "el9-cloned": Breakage(EL, "B08, B10: the older kernel's entry carries the golden image's machine id and sorts first.", cloned),
    "el9-kernelopts-lost": Breakage(EL, "B12: the entries take root= from grubenv, and it is empty.", options_lost),
    "el9-stub-overwritten": Breakage(EL_UEFI, "B11: grub2-mkconfig was pointed at the ESP's stub.", stub_overwritten),
    "el9-next-command-line": Breakage(EL, "B13: /etc/kernel/cmdline is the image builder's.", other_command_line),
    "el9-argument-of-an-old-volume": Breakage(EL, "B13: the entries ask for a volume that is gone.", argument_of_an_old_volume),
    "el9-script-failed": Breakage(EL, "B30: the newest kernel's last script failed: not in /boot.", script_failed),
    "el9-no-policy": Breakage(EL, "B43: SELinux enforces a policy that is not there.", no_policy),
    "el9-no-labels": Breakage(EL, "B43: passwd and shadow were restored without their labels.", no_labels),
    "el9-one-kernel-kept": Breakage(EL, "B04: installonly_limit is 1.", one_kernel_kept),
    "el9-kernel-replaceable": Breakage(EL, "B04: the kernel's package calls itself no kernel.", not_a_kernel_by_its_own_word),
    "el9-duplicate-package": Breakage(EL, "B07: a killed upgrade left the old systemd beside the new one.", duplicates),
    "el9-fips-boot-elsewhere": Breakage(EL, "B29: fips=1 with boot= of another file system.", digest_elsewhere),
    "el9-boot-full": Breakage(EL, "B16: /boot has no room for the next initramfs.", boot_full),
    "el9-database-gone": Breakage(EL, "The rpm database is not there: what is installed is not known.", database_unreadable),
    "suse15-no-multiversion": Breakage(SUSE, "B04: zypper is not told to keep several kernels.", no_multiversion),
    "suse15-initrd-gone": Breakage(SUSE, "B08: the default entry's initrd does not exist.", suse_default_gone),
}  # fmt: skip

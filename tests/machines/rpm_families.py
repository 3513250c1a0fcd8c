"""Machines of the rpm families, laid over recorded Debian ones: same disks, images and modules; names, menu and database theirs.

No image of EL or SUSE can be had where these are made. What is theirs is written as their tools write it: the menu of EL's
10_linux with blscfg, entries of kernel-install, grubenv of grub2-editenv, rpm's database as ``rpm -qa`` answers, dnf.conf and
zypp.conf as shipped.
"""

from __future__ import annotations

import json
from typing import Any

from bootkeep.facts.reading import Reading, Status
from machines.derive import Answers
from machines.record import NEW, OLD

EL_OLD, EL_NEW = "5.14.0-427.13.1.el9_4.x86_64", "5.14.0-427.22.1.el9_4.x86_64"
#: The first kernel of EL 8.10 and a later one: a comparison of texts puts them the wrong way round.
EL8_OLD, EL8_NEW = "4.18.0-553.el8_10.x86_64", "4.18.0-553.22.1.el8_10.x86_64"
SUSE_OLD, SUSE_NEW = "5.14.21-150500.53-default", "5.14.21-150500.55.52-default"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
ENTRIES = "native:texts:/boot/loader/entries/*.conf"
DATABASE = "native:rpm-packages"
ROCKY = (
    'NAME="Rocky Linux"\nVERSION="9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
    'PLATFORM_ID="platform:el9"\nPRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\n'
)
SLES = (
    'NAME="SLES"\nVERSION="15-SP5"\nVERSION_ID="15.5"\nPRETTY_NAME="SUSE Linux Enterprise Server 15 SP5"\n'
    'ID="sles"\nID_LIKE="suse"\n'
)
DNF = (
    "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n"
)
ZYPP = (
    "## Configuration file for software management\n\n[main]\n\n# multiversion =\n"
    "multiversion = provides:multiversion(kernel)\n\nmultiversion.kernels = latest,latest-1,running\n"
)
_DEBIAN_ONLY = (
    "file:/var/lib/dpkg/status",
    "native:dpkg-owners:/boot/",
    "listing:/var/lib/dpkg/updates/*",
    "file:/var/cache/debconf/config.dat",
    "file:/etc/initramfs-tools/conf.d/resume",
    "file:/etc/initramfs-tools/initramfs.conf",
    "file:/var/lib/apt/extended_states",
    "file:/boot/grub/grub.cfg",
    "file:/boot/grub/grubenv",
    "file:/boot/grub/bootkeep.cfg",
    "listing:/boot/grub/*",
    "digest:/boot/grub/x86_64-efi/core.efi",
)
_ABSENT = (
    "file:/etc/yum.conf",
    "file:/boot/grub2/bootkeep.cfg",
    "file:/etc/grub2-efi.cfg",
    "file:/usr/lib/kernel/cmdline",
    "file:/etc/default/grub_installdevice",
)
EL_KERNEL = ["installonlypkg(kernel)", "kernel-core-uname-r", "kernel-uname-r"]
SUSE_KERNEL = ["multiversion(kernel)"]


def environment(**variables: str) -> str:
    """grubenv, as grub2-editenv writes it."""
    text = "# GRUB Environment Block\n" + "".join(f"{name}={value}\n" for name, value in variables.items())
    return text.ljust(1024, "#")


def row(name: str, version: str, provides: list[str] | None = None, arch: str = "x86_64") -> dict[str, Any]:
    """One package, as rpm's database answers."""
    return {"name": name, "arch": arch, "version": version, "installed": "1780000000", "provides": provides or []}


def absent(answers: Answers, *keys: str) -> None:
    """What is not there on this family."""
    for key in keys:
        answers.answers[key] = Reading(Status.ABSENT)


def renamed(answers: Answers, names: dict[str, str]) -> None:
    """Texts and keys under other names, in order."""
    for key in list(answers.answers):
        reading = answers.answers.pop(key)
        text, new = reading.text, key
        for old, other in names.items():
            text, new = text.replace(old, other), new.replace(old, other)
        answers.answers[new] = Reading(reading.status, text, reading.exit_code, reading.detail, reading.seconds)


def _common(answers: Answers, old: str, new: str, image: str) -> str:
    """What both families share; returns the UUID of the root file system."""
    uuid = answers.answers["file:/proc/cmdline"].text.partition("root=UUID=")[2].split()[0]
    absent(answers, *_DEBIAN_ONLY)
    if "command:dpkg --print-architecture" in answers.answers:
        absent(answers, "command:dpkg --print-architecture")
    renamed(
        answers,
        {
            f"initrd.img-{OLD}": image.format(old),
            f"initrd.img-{NEW}": image.format(new),
            OLD: old,
            NEW: new,
            "/boot/grub/": "/boot/grub2/",
            "debian-kernel@lists.debian.org": "mockbuild@builder",
            "Debian 6.1.170-3 (2026-05-08)": "Wed Apr 17 14:35:45 UTC 2024",
            "Debian 6.1.192-2 (2026-11-16)": "Wed Jun 19 17:35:04 UTC 2024",
        },
    )
    absent(answers, *_DEBIAN_ONLY, *_ABSENT)
    rows = json.loads(answers.answers["listing:/*"].text)
    answers.put("listing:/*", json.dumps([each for each in rows if each["path"] not in ("/vmlinuz", "/initrd.img")]))
    for release in (old, new):
        answers.plain(f"native:initramfs:/boot/{image.format(release)}", lambda plain: plain.update(generator="dracut"))
    answers.put("command:grub2-script-check /boot/grub2/grub.cfg", "")
    for read in ("/boot/grub2/grub.cfg", "/boot/grub2/grubenv"):
        name = read.rpartition("/")[2]
        size = 6800 if name == "grub.cfg" else 1024
        files = json.loads(answers.answers.get("listing:/boot/grub2/*", Reading(Status.OK, "[]")).text or "[]")
        files.append(
            {
                "path": read,
                "type": "file",
                "mode": "0600",
                "uid": 0,
                "gid": 0,
                "size": size,
                "mtime_ns": 1795455936680527448,
            }
            | {"ino": 32773 + size, "dev": 66304, "nlink": 1}
        )
        answers.put("listing:/boot/grub2/*", json.dumps(files))
    return uuid


def database(answers: Answers, packages: list[dict[str, Any]], kernels: dict[str, tuple[str, str]]) -> None:
    """rpm's database; ``kernels``: release -> the package's name and version."""
    owners: dict[str, list[list[str]]] = {}
    for release, (name, version) in kernels.items():
        for path in (f"/boot/vmlinuz-{release}", f"/lib/modules/{release}", f"/lib/modules/{release}/vmlinuz"):
            owners[path] = [[name, "x86_64", version]]
    answers.put(DATABASE, json.dumps({"packages": packages, "owners": owners}))


def el9(answers: Answers) -> None:
    separate = " /boot " in answers.answers["file:/etc/fstab"].text
    uuid = _common(answers, EL_OLD, EL_NEW, "initramfs-{}.img")
    prefix = "" if separate else "/boot"
    for path in ("file:/etc/os-release", "file:/usr/lib/os-release"):
        answers.put(path, ROCKY)
    arguments = f"root=UUID={uuid} ro console=ttyS0,115200 crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M"
    entries = {}
    for release in (EL_OLD, EL_NEW):
        text = (
            f"title Rocky Linux ({release}) 9.4 (Blue Onyx)\nversion {release}\nlinux {prefix}/vmlinuz-{release}\n"
            f"initrd {prefix}/initramfs-{release}.img $tuned_initrd\noptions {arguments} $tuned_params\n"
            "grub_users $grub_users\ngrub_arg --unrestricted\ngrub_class rocky\n"
        )
        entries[f"/boot/loader/entries/{MACHINE_ID}-{release}.conf"] = text
    answers.put(ENTRIES, json.dumps(entries))
    answers.put("file:/boot/grub2/grub.cfg", EL_MENU.replace("@UUID@", uuid))
    answers.put("file:/boot/grub2/grubenv", environment(saved_entry=f"{MACHINE_ID}-{EL_NEW}", boot_success="0"))
    answers.put(
        "file:/etc/default/grub",
        "GRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR=\"$(sed 's, release .*$,,g' /etc/system-release)\"\nGRUB_DEFAULT=saved\n"
        'GRUB_DISABLE_SUBMENU=true\nGRUB_TERMINAL_OUTPUT="console"\nGRUB_ENABLE_BLSCFG=true\n',
    )
    answers.put("file:/etc/kernel/cmdline", f"{arguments}\n")
    answers.put("file:/etc/dnf/dnf.conf", DNF)
    absent(answers, "file:/etc/zypp/zypp.conf")
    label = "system_u:object_r:{}:s0"
    kinds = {
        "/usr/lib/systemd/systemd": "init_exec_t",
        "/usr/bin/bash": "shell_exec_t",
        "/usr/lib64/libc.so.6": "lib_t",
        "/etc/passwd": "passwd_file_t",
        "/etc/shadow": "shadow_t",
        "/etc/fstab": "etc_t",
    }
    selinux = {
        "mode": "enforcing",
        "type": "targeted",
        "policies": ["/etc/selinux/targeted/policy/policy.33"],
        "labels": {path: label.format(kind) for path, kind in kinds.items()},
        "relabel": False,
    }
    answers.put("native:selinux-labels", json.dumps(selinux))
    versions = {release: release.removesuffix(".x86_64") for release in (EL_OLD, EL_NEW)}
    packages = [
        *(row("kernel-core", version, EL_KERNEL) for version in versions.values()),
        *(row("kernel-modules-core", version, ["installonlypkg(kernel-module)"]) for version in versions.values()),
        *(row("kernel", version) for version in versions.values()),
        row("bash", "5.1.8-9.el9"),
        row("dracut", "057-53.git20240104.el9"),
        row("glibc", "2.34-100.el9_4.2"),
        row("grub2-pc", "1:2.06-77.el9.rocky.1"),
        row("systemd", "252-32.el9_4"),
        row("gpg-pubkey", "350d275d-6279464b", arch="(none)"),
    ]
    database(answers, packages, {release: ("kernel-core", version) for release, version in versions.items()})


def el9_uefi(answers: Answers) -> None:
    el9(answers)
    renamed(answers, {"EFI/debian": "EFI/rocky", "EFI\\\\debian": "EFI\\\\rocky", "EFI\\debian": "EFI\\rocky"})
    uuid = answers.answers["file:/proc/cmdline"].text.partition("root=UUID=")[2].split()[0]
    stub = (
        f"search --no-floppy --root-dev-only --fs-uuid --set=dev {uuid}\nset prefix=($dev)/boot/grub2\n"
        "export $prefix\nconfigfile $prefix/grub.cfg\n"
    )
    answers.plain("native:esp:", lambda plain: plain.update(texts={"EFI/rocky/grub.cfg": stub}))
    plain = json.loads(answers.answers[DATABASE].text)
    for each in plain["packages"]:
        if each["name"] == "grub2-pc":
            each["name"] = "grub2-efi-x64"
    answers.put(DATABASE, json.dumps(plain))


def el8_uefi(answers: Answers) -> None:
    """EL 8 keeps the menu itself on the ESP, and the arguments of all entries in grubenv."""
    el9_uefi(answers)
    names = {EL_OLD: EL8_OLD, EL_NEW: EL8_NEW, "el9_4": "el8_10"}
    names |= {each.removesuffix(".x86_64"): other.removesuffix(".x86_64") for each, other in list(names.items())}
    renamed(answers, names)
    for path in ("file:/etc/os-release", "file:/usr/lib/os-release"):
        answers.put(path, ROCKY.replace("9.4 (Blue Onyx)", "8.10 (Green Obsidian)").replace('"9.4"', '"8.10"'))
    menu = answers.answers["file:/boot/grub2/grub.cfg"].text
    answers.put("file:/etc/grub2-efi.cfg", menu)
    answers.put("command:grub2-script-check /etc/grub2-efi.cfg", "")
    absent(answers, "file:/boot/grub2/grub.cfg", "command:grub2-script-check /boot/grub2/grub.cfg")
    answers.plain("native:esp:", lambda plain: plain.update(texts={"EFI/rocky/grub.cfg": menu}))
    entries: dict[str, str] = json.loads(answers.answers[ENTRIES].text)
    first = next(iter(entries.values()))
    arguments = next(line for line in first.splitlines() if line.startswith("options ")).split(" ", 1)[1]
    arguments = arguments.replace(" $tuned_params", "")
    answers.put(
        ENTRIES,
        json.dumps(
            {path: text.replace(f"options {arguments}", "options $kernelopts") for path, text in entries.items()}
        ),
    )
    answers.put("file:/boot/grub2/grubenv", environment(saved_entry=f"{MACHINE_ID}-{EL8_NEW}", kernelopts=arguments))
    absent(answers, "file:/etc/kernel/cmdline")


def suse15(answers: Answers) -> None:
    uuid = _common(answers, SUSE_OLD, SUSE_NEW, "initrd-{}")
    for path in ("file:/etc/os-release", "file:/usr/lib/os-release"):
        answers.put(path, SLES)
    answers.put("file:/boot/grub2/grub.cfg", SUSE_MENU.replace("@UUID@", uuid))
    answers.put("file:/boot/grub2/grubenv", environment(saved_entry=f"gnulinux-simple-{uuid}"))
    answers.put(
        "file:/etc/default/grub",
        'GRUB_DISTRIBUTOR=\nGRUB_DEFAULT=saved\nGRUB_TIMEOUT=8\nSUSE_BTRFS_SNAPSHOT_BOOTING="true"\n',
    )
    answers.put("file:/etc/default/grub_installdevice", "/dev/disk/by-id/virtio-bootkeep0\nactivate\ngeneric_mbr\n")
    answers.put("file:/etc/zypp/zypp.conf", ZYPP)
    absent(answers, "file:/etc/dnf/dnf.conf", "native:selinux-labels", "file:/etc/kernel/cmdline", ENTRIES)
    # btrfs with snapper's layout: the root is the first snapshot, which is also the default subvolume.
    answers.replace("command:blkid", "TYPE=ext4", "TYPE=btrfs")
    snapshot = "/@/.snapshots/1/snapshot"
    for key in ("file:/proc/self/mountinfo",):
        lines = answers.answers[key].text.splitlines()
        mounted = [line.replace(" / / ", f" {snapshot} / ").replace(" - ext4 ", " - btrfs ") for line in lines]
        answers.put(key, "\n".join(mounted) + "\n")
    below = "".join(
        f"UUID={uuid} /{name} btrfs subvol=/@/{name} 0 0\n"
        for name in ("var", "home", "boot/grub2/i386-pc", "boot/grub2/x86_64-efi", ".snapshots")
    )
    answers.put("file:/etc/fstab", f"UUID={uuid} / btrfs defaults 0 0\n{below}")
    for key in answers.keys("command:lsblk"):
        answers.put(key, answers.answers[key].text.replace('"ext4"', '"btrfs"'))
    answers.put("native:root-drivers", json.dumps({"modules": ["btrfs", "virtio_blk"], "problem": ""}))
    answers.replace("file:/proc/modules", "ext4 ", "btrfs ")
    for release in (SUSE_OLD, SUSE_NEW):
        answers.plain(
            f"native:initramfs:/boot/initrd-{release}",
            lambda plain: plain.update(modules=sorted({*plain["modules"], "btrfs", "virtio_blk"})),
        )
    versions = {SUSE_OLD: "5.14.21-150500.53.2", SUSE_NEW: "5.14.21-150500.55.52.1"}
    packages = [
        *(row("kernel-default", version, SUSE_KERNEL) for version in versions.values()),
        row("bash", "4.4-150400.25.22"),
        row("dracut", "055+suse.357.g905645c2-150500.3.15.1"),
        row("glibc", "2.31-150300.63.1"),
        row("grub2-i386-pc", "2.06-150500.29.16.1", arch="noarch"),
        row("systemd", "249.17-150400.8.35.5"),
    ]
    database(answers, packages, {release: ("kernel-default", version) for release, version in versions.items()})


EL_MENU = """#
# DO NOT EDIT THIS FILE
#
# It is automatically generated by grub2-mkconfig using templates
# from /etc/grub.d and settings from /etc/default/grub
#

### BEGIN /etc/grub.d/00_header ###
set pager=1

if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi

if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
terminal_output console
if [ x$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=5
else
  set timeout=5
fi
### END /etc/grub.d/00_header ###

### BEGIN /etc/grub.d/10_linux ###
insmod part_msdos
insmod ext2
search --no-floppy --fs-uuid --set=root @UUID@
insmod part_msdos
insmod ext2
search --no-floppy --fs-uuid --set=boot @UUID@

# This section was generated by a script. Do not modify the generated file - all changes
# will be lost the next time file is regenerated. Instead edit the BootLoaderSpec files.
insmod blscfg
blscfg
### END /etc/grub.d/10_linux ###

### BEGIN /etc/grub.d/41_custom ###
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
### END /etc/grub.d/41_custom ###
"""

_SUSE_ENTRY = """{indent}menuentry '{title}'  --hotkey=1 --class sles --class gnu-linux $menuentry_id_option '{id}' {{
{indent}	load_video
{indent}	set gfxpayload=keep
{indent}	insmod gzio
{indent}	insmod part_msdos
{indent}	insmod btrfs
{indent}	search --no-floppy --fs-uuid --set=root @UUID@
{indent}	linux	/boot/vmlinuz-{release} root=UUID=@UUID@  ${{extra_cmdline}} console=ttyS0,115200 splash=silent quiet
{indent}	initrd	/boot/initrd-{release}
{indent}}}
"""

SUSE_MENU = (
    """set btrfs_relative_path="y"
export btrfs_relative_path
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
set timeout=8
"""
    + _SUSE_ENTRY.format(indent="", title="SLES 15-SP5", id="gnulinux-simple-@UUID@", release=SUSE_NEW)
    + "submenu 'Advanced options for SLES 15-SP5' --hotkey=1 $menuentry_id_option 'gnulinux-advanced-@UUID@' {\n"
    + "".join(
        _SUSE_ENTRY.format(
            indent="\t",
            title=f"SLES 15-SP5, with Linux {release}",
            id=f"gnulinux-{release}-advanced-@UUID@",
            release=release,
        )
        for release in (SUSE_NEW, SUSE_OLD)
    )
    + "}\nif [ -f  ${config_directory}/custom.cfg ]; then\n  source ${config_directory}/custom.cfg\nfi\n"
)

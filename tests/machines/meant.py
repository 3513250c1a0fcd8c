"""What every machine that is not healthy is meant to show: the one class it was broken for, and what follows from that.

The test compares it with what is found, in both directions: a finding that is neither the class nor one of its consequences is a
false alarm, one that is missing a false GO. Each README repeats it.

    python3 tests/machines/meant.py      writes it into the READMEs
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

_HEADING = "What must be found:"


@dataclass(frozen=True)
class Meant:
    """A finding's id, and others with why the same defect shows them too."""

    finding: str
    consequences: tuple[tuple[str, str], ...] = ()

    @property
    def ids(self) -> set[str]:
        """All that must be found, and nothing else may."""
        return {self.finding, *(name for name, _why in self.consequences)}

    def words(self) -> str:
        """For the README."""
        lines = [f"{_HEADING} `{self.finding}`" + (", and what follows from it:" if self.consequences else "."), ""]
        lines += [f"* `{name}`: {why}" for name, why in self.consequences]
        return "\n".join(lines).rstrip() + "\n"


_ONE = "of two kernels only one is whole now: there is nothing to fall back to."
_PLAIN = {
    "boot-encryption-unreadable": "luks-boot-converted-to-argon2",
    "boot-files-hidden": "boot-shadowed",
    "boot-link-dangling": "link-to-a-purged-kernel vmlinuz-link-dangling",
    "boot-loader-not-covered": "extlinux systemd-boot systemd-boot-in-charge unified-image",
    "boot-not-mounted": "boot-unmounted esp-not-mounted",
    "boot-space-low": "boot-full boot-without-inodes el9-boot-full",
    "console-silent": "console-only-for-grub console-silent",
    "default-entry-broken": "default-entry-dangling initramfs-deleted",
    "dkms-module-missing": "dkms-excluded dkms-not-built dkms-removed-for-one-kernel",
    "esp-copies-differ": "esp-grub-stale esp-loader-cut second-esp-stale",
    "esp-space-low": "esp-filled esp-full",
    "esp-stub-wrong": "el9-stub-overwritten esp-stub-by-mkconfig esp-stub-of-another-disk second-esp-stub",
    "fallback-kernel-missing": "el9-only-kernel only-kernel",
    "fips-digest-missing": "el9-fips-boot-elsewhere fips-switched-on-by-hand fips-without-digest",
    "firmware-entry-missing": "esp-emptied firmware-entries-lost",
    "firmware-next-elsewhere": "firmware-next-from-another-disk firmware-next-from-network",
    "fstab-device-missing": "fstab-device-missing usr-on-a-pulled-disk",
    "fstab-type-wrong": "fstab-wrong-type var-of-another-type",
    "grub-config-stale": "grub-cfg-deleted grub-cfg-stale",
    "grub-core-differs": "boot-code-wiped core-newer-than-the-disk grub-core-stale raid5-core-on-one-disk-only",
    "grub-environment-damaged": "el9-kernelopts-lost environment-block-cut grubenv-cut",
    "grub-install-device-wrong": "grub-install-device-wrong",
    "grub-settings-broken": "settings-of-another-system settings-without-a-closing-mark",
    "grub-waits-for-a-person": "menu-asks-for-a-password menu-timeout-endless menu-waits",
    "init-program-broken": "init-deleted libc-missing library-of-systemd-deleted",
    "initramfs-compression-unsupported": "initramfs-compression",
    "initramfs-damaged": "initramfs-of-another-kernel initramfs-truncated initramfs-zeroed",
    "initramfs-driver-missing": "initramfs-without-root-driver",
    "initramfs-luks-missing": "luks-of-another-volume luks-volume-formatted-again luks-without-cryptsetup",
    "initramfs-lvm-missing": "lvm-initramfs-without-lvm lvm-not-in-initramfs",
    "initramfs-raid-missing": "mirror-initramfs-without-mdadm",
    "install-only-weak": "el9-kernel-replaceable el9-one-kernel-kept suse15-no-multiversion",
    "interface-names-change": "interfaces-renamed",
    "kdump-without-memory": "kdump-without-memory",
    "kernel-argument-unresolved": "argument-of-an-old-volume el9-argument-of-an-old-volume repair-word-left "
    "root-argument-of-another-machine",
    "kernel-flavour-changes": "kernel-flavour-changed",
    "kernel-not-put-in-place": "el9-script-failed",
    "kernel-replaced-in-place": "same-abi-replaced",
    "kexec-bypasses-loader": "kdump kexec-another-kernel",
    "loader-entry-missing": "el9-cloned el9-entry-malformed el9-no-entry",
    "lvm-device-missing": "lvm-devices-file lvm-disk-pulled lvm-volume-gone",
    "network-driver-missing": "network-driver-gone",
    "next-command-line-wrong": "el9-next-command-line",
    "package-transaction-unfinished": "el9-database-gone el9-duplicate-package package-half-configured",
    "raid-config-stale": "raid-config-of-before raid5-config-of-before",
    "raid-degraded": "raid-degraded raid5-degraded raid6-two-members-lost",
    "resume-device-missing": "resume-device-gone resume-from-a-removed-swap",
    "sbat-revoked": "sbat-revoked",
    "secure-boot-kernel-unsigned": "secure-boot-kernel-stripped secure-boot-unsigned-kernel",
    "secure-boot-loader-unsigned": "secure-boot-grub-install-unsigned secure-boot-unsigned-loader",
    "selinux-policy-broken": "el9-no-labels el9-no-policy",
}
MEANT = {machine: Meant(finding) for finding, machines in _PLAIN.items() for machine in machines.split()} | {
    "default-set-in-custom-cfg": Meant(
        "default-entry-broken",
        (("console-silent", "the entry that was written by hand has no console= among its arguments."),),
    ),
    "kernel-installed-below-boot": Meant(
        "boot-files-hidden",
        (
            (
                "fallback-kernel-missing",
                "the kernel that lies hidden was one of two; the mounted /boot has the other alone.",
            ),
            ("boot-link-dangling", "the links in / lead to the hidden kernel, which the mounted /boot has not."),
        ),
    ),
    "kernel-half-zeros": Meant("default-entry-broken", (("fallback-kernel-missing", _ONE),)),
    "menu-made-without-initramfs": Meant(
        "default-entry-broken",
        (("initramfs-damaged", "the newest kernel has no initramfs: that is why its entry loads none."),),
    ),
    "default-kernel-deleted": Meant("default-entry-broken", (("fallback-kernel-missing", _ONE),)),
    "kernel-cut": Meant("default-entry-broken", (("fallback-kernel-missing", _ONE),)),
    "modules-deleted": Meant(
        "default-entry-broken",
        (
            ("fallback-kernel-missing", _ONE),
            (
                "running-modules-missing",
                "the kernel whose modules were deleted is the one that runs: it can load none now.",
            ),
        ),
    ),
    "saved-entry-of-a-purged-kernel": Meant(
        "default-entry-broken", (("fallback-kernel-missing", "the kernel that was purged was one of two."),)
    ),
    "el9-the-story": Meant(
        "fallback-kernel-missing",
        (("default-entry-broken", "the menu's default still names the kernel that `rpm -U` replaced."),),
    ),
    "same-abi-replaced-alone": Meant(
        "kernel-replaced-in-place",
        (("fallback-kernel-missing", "it was the only kernel: its older build is gone from the disk."),),
    ),
    "suse15-initrd-gone": Meant(
        "kernel-not-put-in-place",
        (("default-entry-broken", "it is the kernel of the default entry, whose initrd was never made."),),
    ),
    "kdump-memory-not-reserved": Meant(
        "kdump-without-memory",
        (
            (
                "kexec-bypasses-loader",
                "Debian's kdump-tools brings it along, as on the machine `kdump` that this one comes from.",
            ),
        ),
    ),
    "lvm-group-renamed": Meant(
        "kernel-argument-unresolved",
        (("fstab-device-missing", "fstab names the same volumes by the group's old name."),),
    ),
    "multipath-initramfs-without": Meant(
        "multipath-not-in-initramfs",
        (
            (
                "initramfs-driver-missing",
                "dm_multipath, which carries the root here, came into the image by the same hook.",
            ),
        ),
    ),
    "luks-initramfs-without-cryptsetup": Meant(
        "initramfs-luks-missing",
        (("initramfs-driver-missing", "dm_crypt, which carries the root here, came into the image by the same hook."),),
    ),
    "secure-boot-grub-revoked": Meant(
        "sbat-revoked",
        (("esp-copies-differ", "a GRUB of one's own is neither the packages' nor the one that grub-install made."),),
    ),
    "rescue-luks2-root": Meant(
        "initramfs-driver-missing", (("boot-not-mounted", "the mount table is the rescue shell's own."),)
    ),
    "rescue-lvm": Meant(
        "initramfs-driver-missing",
        (("lvm-device-missing", "pvs is a command of the running system: it is not asked from a rescue shell."),),
    ),
    "rescue-raid5": Meant(
        "initramfs-driver-missing",
        (
            ("boot-not-mounted", "the mount table is the rescue shell's own."),
            ("raid-degraded", "/proc/mdstat is the rescue shell's own."),
        ),
    ),
    "rescue-uefi-signed": Meant(
        "initramfs-driver-missing", (("boot-not-mounted", "the mount table is the rescue shell's own."),)
    ),
}


def written(text: str, meant: Meant) -> str:
    """A README with that section as its last but nothing else changed."""
    return (
        re.sub(rf"\n{_HEADING}.*", "", text.rstrip("\n") + "\n", flags=re.DOTALL).rstrip("\n") + "\n\n" + meant.words()
    )


def main() -> None:
    """Write all of them."""
    for machine, meant in MEANT.items():
        path = HERE / machine / "README.md"
        if path.exists():
            path.write_text(written(path.read_text(), meant))
        else:
            print(f"{machine}: not recorded")


if __name__ == "__main__":
    main()

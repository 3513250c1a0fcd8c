"""Ways to break a real host that ``bootkeep fix`` puts right, one a class: each is something that somebody or a program does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Broken:
    """One way to break a host, and back. Shell; {old} and {new} are the kernel releases."""

    identity: str
    breaks: str
    heals: str  # back to a healthy host, whatever fix and undo did
    undone: bool = True  # taking it back brings the same findings back
    notes: str = ""  # what taking it back says that it cannot
    needs: tuple[str, ...] = ()  # Debian's packages that it installs
    thorough: bool = False  # also asked without --yes, and taken back twice


#: Makes room scarce: 40 MiB below the 200 that a host has to keep free on /.
_FILL = "fallocate -l $(( $(stat -f -c '%f * %S' /) - 160*1024*1024 )) /var/tmp/filler"
_MENU = "update-grub 2>&1"
_SETTING = "mkdir -p /etc/default/grub.d; echo '{}' >/etc/default/grub.d/local.cfg; " + _MENU
_NO_SETTING = (
    "rm -f /etc/default/grub.d/local.cfg /etc/default/grub.d/zz-bootkeep-default.cfg /etc/default/grub.d/zz-bootkeep-names.cfg; "
    + _MENU
)
_SETTINGS_OF_BEFORE = "cp -a /root/grub.before /etc/default/grub; " + _NO_SETTING

BREAKS = (
    Broken(
        "grub-config-stale",
        "mv /boot/vmlinuz-{new} /root/; update-grub 2>&1; mv /root/vmlinuz-{new} /boot/; touch /boot/grub/grub.cfg.new",
        "rm -f /boot/grub/grub.cfg.new; update-grub 2>&1",
        thorough=True,
    ),
    Broken("default-entry-broken", _SETTING.format("GRUB_DEFAULT=gnulinux-gone"), _NO_SETTING),
    Broken(
        "initramfs-damaged",
        "cp /boot/initrd.img-{new} /root/image; truncate -s 3000000 /boot/initrd.img-{new}",
        "cp /root/image /boot/initrd.img-{new}; rm /root/image",
    ),
    Broken(
        "fallback-kernel-missing",
        "mv /boot/initrd.img-{old} /root/; rm /lib/modules/{old}/modules.dep; update-grub 2>&1",
        "test -e /boot/initrd.img-{old} || mv /root/initrd.img-{old} /boot/; depmod -a {old}; update-grub 2>&1",
        undone=False,  # depmod's index stays: there was none before
    ),
    Broken(
        "package-transaction-unfinished",
        "dpkg --unpack /srv/archive/base/linux-image-*.deb 2>&1",
        "apt-get -y purge $(dpkg-deb -f /srv/archive/base/linux-image-*.deb Package) 2>&1",
        undone=False,
        notes="not taken back",  # what a package's scripts did
    ),
    Broken(
        "fstab-device-missing",
        "cp /etc/fstab /root/fstab; echo 'UUID=00000000-dead-beef-0000-000000000000 /srv/data ext4 defaults 0 2' >>/etc/fstab",
        "cp /root/fstab /etc/fstab",
    ),
    Broken(
        "grub-install-device-wrong",
        "debconf-get-selections | grep -P 'grub-pc/install_devices\\t' >/root/answer; "
        "echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/gone' | debconf-set-selections",
        "debconf-set-selections </root/answer",
    ),
    Broken(  # the kernel that /vmlinuz led to was removed by hand
        "boot-link-dangling",
        "cp -a /vmlinuz /root/link 2>/dev/null; ln -sfn boot/vmlinuz-6.1.0-1-gone /vmlinuz",
        "rm -f /vmlinuz; cp -a /root/link /vmlinuz 2>/dev/null",
    ),
    Broken(  # a disk that was full while grub-editenv wrote
        "grub-environment-damaged",
        "cp -a /boot/grub/grubenv /root/grubenv; truncate -s 300 /boot/grub/grubenv",
        "cp -a /root/grubenv /boot/grub/grubenv",
    ),
    Broken(  # somebody debugs, and forgets
        "grub-waits-for-a-person",
        "cp -a /etc/default/grub /root/grub.before; sed -i /^GRUB_TIMEOUT=/d /etc/default/grub; "
        "echo GRUB_TIMEOUT=-1 >>/etc/default/grub; " + _MENU,
        _SETTINGS_OF_BEFORE,
    ),
    Broken(  # the line was replaced instead of extended
        "console-silent",
        "cp -a /etc/default/grub /root/grub.before; "
        "sed -i 's|^GRUB_CMDLINE_LINUX=.*|GRUB_CMDLINE_LINUX=console=tty0|' /etc/default/grub; " + _MENU,
        _SETTINGS_OF_BEFORE,
    ),
    Broken(  # the swap partition was made anew
        "resume-device-missing",
        "echo RESUME=UUID=00000000-dead-beef-0000-000000000000 >/etc/initramfs-tools/conf.d/resume; "
        "cp /boot/initrd.img-{new} /root/image; update-initramfs -u -k {new} 2>&1",
        "rm -f /etc/initramfs-tools/conf.d/resume; cp /root/image /boot/initrd.img-{new}; rm /root/image; " + _MENU,
    ),
    Broken(  # a volume was given back, its word stays
        "kernel-argument-unresolved",
        _SETTING.format('GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX rd.lvm.lv=vg0/gone"'),
        _NO_SETTING,
    ),
    Broken(  # copied from another host's settings
        "interface-names-change",
        _SETTING.format('GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX net.ifnames=0"'),
        _NO_SETTING,
    ),
    Broken(  # faster restarts, until the link leads elsewhere
        "kexec-bypasses-loader",
        "echo 'kexec-tools kexec-tools/load_kexec boolean true' | debconf-set-selections; apt-get -y install {debs} 2>&1; "
        "sed -i 's|^LOAD_KEXEC=.*|LOAD_KEXEC=true|' /etc/default/kexec",
        "apt-get -y purge kexec-tools 2>&1",
        needs=("kexec-tools",),
    ),
    Broken(  # its memory was taken away again to have more of it
        "kdump-without-memory",
        "apt-get -y install {debs} 2>&1; sed -i 's|^USE_KDUMP=.*|USE_KDUMP=1|' /etc/default/kdump-tools; "
        "rm -f /etc/default/grub.d/kdump-tools.cfg; " + _MENU,
        "apt-get -y purge kdump-tools kexec-tools 2>&1; " + _MENU,
        needs=("kdump-tools",),
    ),
    Broken(  # last: the kernel that it removes is in no archive any more
        "boot-space-low",
        "apt-get -y install $(dpkg-deb -f /srv/archive/base/linux-image-*.deb Package) 2>&1; " + _FILL,
        "rm -f /var/tmp/filler",
        undone=False,
        notes="not taken back",
    ),
)

"""Which configuration files a transaction may replace: their content is copied before it, so that a report can show both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from bootkeep.facts.redaction import is_denied
from bootkeep.facts.system import Conffile, ConfigFile
from bootkeep.facts.transaction import PackageChange
from bootkeep.facts.unknown import Maybe

#: Files that maintainer scripts of many packages edit, and that nobody's conffile list names.
ALWAYS = frozenset(
    {
        "/etc/apt/sources.list",
        "/etc/crontab",
        "/etc/crypttab",
        "/etc/default/grub",
        "/etc/default/ufw",
        "/etc/default/grub_installdevice",
        "/etc/dnf/dnf.conf",
        "/etc/dracut.conf",
        "/etc/fstab",
        "/etc/group",
        "/etc/hosts",
        "/etc/initramfs-tools/initramfs.conf",
        "/etc/initramfs-tools/modules",
        "/etc/kernel/cmdline",
        "/etc/ld.so.conf",
        "/etc/login.defs",
        "/etc/modules",
        "/etc/nftables.conf",
        "/etc/nsswitch.conf",
        "/etc/passwd",
        "/etc/resolv.conf",
        "/etc/selinux/config",
        "/etc/ssh/sshd_config",
        "/etc/subgid",
        "/etc/subuid",
        "/etc/sudoers",
        "/etc/sysconfig/bootloader",
        "/etc/sysconfig/kernel",
        "/etc/sysctl.conf",
        "/etc/zypp/zypp.conf",
    }
)
#: The same by folder: small files, each of which decides who may do what.
ALWAYS_BELOW = (
    "/etc/pam.d/",
    "/etc/ssh/sshd_config.d/",
    "/etc/sudoers.d/",
    "/etc/sysctl.d/",
    "/etc/modprobe.d/",
    "/etc/default/grub.d/",
    "/etc/ufw/",
    "/etc/dracut.conf.d/",
)
#: A copy of a longer file helps nobody: it is data, not configuration.
LONGEST_COPY_BYTES = 1024 * 1024


class Configuration(Protocol):
    """The part of a SystemState that is asked here."""

    @property
    def config_files(self) -> Maybe[tuple[ConfigFile, ...]]:
        """Everything below /etc, and the conffiles outside it."""
        ...

    @property
    def conffiles(self) -> Maybe[tuple[Conffile, ...]]:
        """What packages ship as configuration."""
        ...

    @property
    def edited_conffiles(self) -> Maybe[frozenset[str]]:
        """Paths whose content is not what the package shipped."""
        ...


class ConfigurationOnly(NamedTuple):
    """That part by itself: a hook has no time to assemble the rest of the system's state."""

    config_files: Maybe[tuple[ConfigFile, ...]]
    conffiles: Maybe[tuple[Conffile, ...]]
    edited_conffiles: Maybe[frozenset[str]]


def config_paths_at_stake(state: Configuration, changes: Iterable[PackageChange]) -> tuple[str, ...]:
    """Paths whose content must be copied before the transaction, sorted.

    What the transaction's packages ship as configuration (dpkg's, ucf's, rpm's), everything edited on this host, and the
    files that maintainer scripts edit. Never files that hold secrets. Of an Unknown part nothing is known to be at stake: the
    rest still is.
    """
    packages = {change.name for change in changes}
    paths: set[str] = set()
    if isinstance(state.conffiles, tuple):
        paths.update(conffile.path for conffile in state.conffiles if conffile.package in packages)
    if isinstance(state.edited_conffiles, frozenset):
        paths.update(state.edited_conffiles)
    if isinstance(state.config_files, tuple):
        present = {file.path: file for file in state.config_files if file.kind in {"file", "link"}}
        paths.update(path for path in present if path in ALWAYS or path.startswith(ALWAYS_BELOW))
        paths = {path for path in paths if path in present and present[path].size_bytes <= LONGEST_COPY_BYTES}
    return tuple(sorted(path for path in paths if not is_denied(path)))

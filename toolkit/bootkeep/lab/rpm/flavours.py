"""What makes a root look like EL 9, Fedora or SLES 15: release files, repositories, where the rpm database lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The UUID of the root file system that every disposable host boots from.
ROOT_UUID = "5afeb007-0000-4000-8000-00000000b007"
KERNEL_ARGUMENTS = f"root=UUID={ROOT_UUID} ro console=ttyS0,115200"
_SYSIMAGE = "/usr/lib/sysimage/rpm"


@dataclass(frozen=True, slots=True)
class Flavour:
    """One kind of host."""

    name: str
    suse: bool
    dist: str  # %{?dist}
    product: str
    version: str
    major: str
    database: str  # rpm's folder
    backend: str  # rpm's %_db_backend
    released: Mapping[str, str]  # files of the release package
    settings: Mapping[str, str]  # files of the installer and the administrator

    @property
    def repositories(self) -> str:
        """Where the package manager looks for repository files."""
        return "etc/zypp/repos.d" if self.suse else "etc/yum.repos.d"


def repository(name: str, *, enabled: bool = True) -> str:
    """A repository file for one folder of /srv/rpms."""
    return (
        f"[{name}]\nname=Lab - {name}\nbaseurl=file:///srv/rpms/{name}\nenabled={int(enabled)}\n"
        "gpgcheck=0\nautorefresh=1\nmetadata_expire=1\n"
    )


def _os_release(**fields: str) -> str:
    return "".join(f'{key}="{value}"\n' for key, value in fields.items())


_EL_GRUB_CFG = """set pager=1
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
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=2
insmod part_gpt
insmod ext2
search --no-floppy --fs-uuid --set=root 5afeb007-0000-4000-8000-00000000b007
### BEGIN /etc/grub.d/10_linux ###
# Debian's GRUB has no blscfg: before a boot the lab writes what blscfg would make of the entries into lab-bls.cfg.
if [ -s $prefix/lab-bls.cfg ]; then
  source $prefix/lab-bls.cfg
else
  insmod blscfg
  blscfg
fi
### END /etc/grub.d/10_linux ###
### BEGIN /etc/grub.d/41_custom ###
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
### END /etc/grub.d/41_custom ###
"""
_EL_GRUB = (
    "GRUB_TIMEOUT=2\nGRUB_DISTRIBUTOR=\"$(sed 's, release .*$,,g' /etc/system-release)\"\nGRUB_DEFAULT=saved\n"
    'GRUB_DISABLE_SUBMENU=true\nGRUB_TERMINAL_OUTPUT="serial console"\n'
    'GRUB_CMDLINE_LINUX="console=ttyS0,115200"\nGRUB_DISABLE_RECOVERY="true"\nGRUB_ENABLE_BLSCFG=true\n'
)
_DNF_CONF = (
    "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n"
)


def _dnf_settings(more: Mapping[str, str]) -> dict[str, str]:
    return {
        "etc/dnf/dnf.conf": _DNF_CONF,
        "etc/kernel/cmdline": KERNEL_ARGUMENTS + "\n",
        "etc/sysconfig/kernel": "UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-core\n",
        "etc/default/grub": _EL_GRUB,
        "boot/grub2/grub.cfg": _EL_GRUB_CFG,
        **more,
    }


_ROCKY = _os_release(
    NAME="Rocky Linux",
    VERSION="9.4 (Blue Onyx)",
    ID="rocky",
    ID_LIKE="rhel centos fedora",
    VERSION_ID="9.4",
    PLATFORM_ID="platform:el9",
    PRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)",
    CPE_NAME="cpe:/o:rocky:rocky:9::baseos",
)
_FEDORA = _os_release(
    NAME="Fedora Linux",
    VERSION="40 (Server Edition)",
    ID="fedora",
    VERSION_ID="40",
    PLATFORM_ID="platform:f40",
    PRETTY_NAME="Fedora Linux 40 (Server Edition)",
    CPE_NAME="cpe:/o:fedoraproject:fedora:40",
)
_SLES = _os_release(
    NAME="SLES",
    VERSION="15-SP5",
    VERSION_ID="15.5",
    PRETTY_NAME="SUSE Linux Enterprise Server 15 SP5",
    ID="sles",
    ID_LIKE="suse",
    CPE_NAME="cpe:/o:suse:sles:15:sp5",
)
_SLES_PRODUCT = """<?xml version="1.0" encoding="UTF-8"?>
<product schemeversion="0">
  <vendor>SUSE</vendor>
  <name>SLES</name>
  <version>15.5</version>
  <release>0</release>
  <arch>x86_64</arch>
  <productline>sles</productline>
  <summary>SUSE Linux Enterprise Server 15 SP5</summary>
  <shortsummary>SLES15-SP5</shortsummary>
</product>
"""
_ZYPP_CONF = """## Configuration file for software management
[main]

## Packages which can be installed in different versions in parallel.
multiversion = provides:multiversion(kernel)

## Comma separated list of kernel packages to keep installed in parallel.
multiversion.kernels = latest,latest-1,running

## Whether to consider using a .delta.rpm when downloading a package
download.use_deltarpm = false
"""

EL9 = Flavour(
    "el9",
    False,
    ".el9",
    "rocky",
    "9.4",
    "9",
    "/var/lib/rpm",
    "sqlite",
    {
        "usr/lib/os-release": _ROCKY,
        "etc/rocky-release": "Rocky Linux release 9.4 (Blue Onyx)\n",
        "etc/redhat-release": "Rocky Linux release 9.4 (Blue Onyx)\n",
        "etc/system-release": "Rocky Linux release 9.4 (Blue Onyx)\n",
    },
    _dnf_settings({}),
)
FEDORA = Flavour(
    "fedora",
    False,
    ".fc40",
    "fedora",
    "40",
    "40",
    _SYSIMAGE,
    "sqlite",
    {
        "usr/lib/os-release": _FEDORA,
        "etc/fedora-release": "Fedora release 40 (Forty)\n",
        "etc/redhat-release": "Fedora release 40 (Forty)\n",
        "etc/system-release": "Fedora release 40 (Forty)\n",
    },
    _dnf_settings({"etc/dnf/dnf.conf": "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\n"}),
)
SUSE15 = Flavour(
    "suse15",
    True,
    "",
    "sles",
    "15.5",
    "15",
    _SYSIMAGE,
    "sqlite",  # ndb on the real one; Debian's rpm is built without it
    {"usr/lib/os-release": _SLES, "etc/products.d/SLES.prod": _SLES_PRODUCT},
    {
        "etc/zypp/zypp.conf": _ZYPP_CONF,
        "etc/kernel/cmdline": KERNEL_ARGUMENTS + "\n",
        "etc/default/grub": 'GRUB_DISTRIBUTOR=""\nGRUB_DEFAULT=saved\nGRUB_TIMEOUT=2\n'
        'GRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0,115200"\nGRUB_TERMINAL="serial console"\n',
        "etc/default/grub_installdevice": "/dev/disk/by-id/virtio-BOOTKEEP-LAB-0001\nactivate\ngeneric_mbr\n",
        "etc/sysconfig/bootloader": 'LOADER_TYPE="grub2"\nSECURE_BOOT="yes"\nUPDATE_NVRAM="yes"\n',
    },
)
FLAVOURS = {flavour.name: flavour for flavour in (EL9, FEDORA, SUSE15)}

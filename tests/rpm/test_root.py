"""The disposable RPM hosts behave as the distributions do where it matters for a boot."""

from __future__ import annotations

from pathlib import Path

import pytest

import bootkeep
from bootkeep.lab.chroot import in_chroot
from bootkeep.lab.rpm.root import RpmRoot, rpm_root, unpacked

pytestmark = pytest.mark.lab
CACHE = Path(bootkeep.__file__).parents[2] / ".cache"


@pytest.fixture(scope="module")
def built() -> RpmRoot:
    """The recipe's result for EL 9."""
    return rpm_root(CACHE, "el9", print)


def test_rpm_upgrade_takes_the_only_kernel_away(built: RpmRoot, tmp_path: Path) -> None:
    """The command that this project exists for, on a host that nobody protects."""
    root = unpacked(built, tmp_path / "root")
    before = {path.name for path in (root / "boot").iterdir() if path.is_file()}
    assert f"vmlinuz-{built.installed}" in before
    done = in_chroot(root, ["sh", "-c", "rpm -Uvh /srv/rpms/updates/*.rpm"])
    assert done.exit_code == 0, done.stderr
    boot = root / "boot"
    assert not list(boot.glob(f"*{built.installed}*"))
    for name in ("vmlinuz-", "initramfs-", "config-"):
        assert list(boot.glob(f"{name}{built.update}*"))
    entries = [path.name for path in (boot / "loader/entries").iterdir()]
    assert [name.split("-", 1)[1] for name in entries] == [f"{built.update}.conf"]
    assert not (root / "lib/modules" / built.installed / "kernel").exists()
    assert in_chroot(root, ["rpm", "-V", "grub2-tools", "acmed"]).exit_code == 0


def test_dnf_upgrade_installs_beside(built: RpmRoot, tmp_path: Path) -> None:
    root = unpacked(built, tmp_path / "root")
    done = in_chroot(root, ["dnf", "-y", "upgrade"])
    assert done.exit_code == 0, done.stderr + done.stdout
    for release in (built.installed, built.update):
        assert (root / f"boot/vmlinuz-{release}").read_bytes() == (root / f"lib/modules/{release}/vmlinuz").read_bytes()

"""A disposable Debian root with real apt and dpkg, bootkeep's hooks installed, and a way to build tiny packages.

The root is made once with mmdebstrap (kept as a tar in the checkout's .cache) and unpacked once a session. Commands run in
it by chroot in namespaces of their own: what they start and mount is gone when they end. This machine is not touched.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import bootkeep
from bootkeep.edges.run import Completed, run
from bootkeep.lab.chroot import in_chroot
from records import Records

CHECKOUT = Path(bootkeep.__file__).parent.parent.parent
# Part of the name of the cached tar: raise it when the list of packages changes.
BASE_VERSION = "3"
BASE_PACKAGES = "python3,python3-psutil,unattended-upgrades,apt-utils,mount"


def base_tar() -> Path:
    """The base root as a tar; built on first use (about a minute), whole or not at all, by one process at a time."""
    tar = CHECKOUT / ".cache" / "packages" / f"base-{BASE_VERSION}.tar"
    tar.parent.mkdir(parents=True, exist_ok=True)
    with (tar.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build_base(tar)
    return tar


def _build_base(tar: Path) -> None:
    if not tar.exists():
        draft = tar.with_suffix(f".{os.getpid()}.draft")
        options = ["--mode=root", "--variant=apt", "--format=tar", f"--include={BASE_PACKAGES}"]
        done = run(["mmdebstrap", *options, "bookworm", str(draft)], timeout_s=900)
        if done.exit_code != 0:
            draft.unlink(missing_ok=True)
            pytest.fail(f"the base root cannot be built: {done.stderr[-2000:]}")
        draft.rename(tar)


@dataclass
class Machine(Records):
    """The disposable root."""

    root: Path
    built: dict[str, str] = field(default_factory=dict)

    def __call__(self, script: str, *, timeout_s: float = 60.0, **environment: str) -> Completed:
        """Run a shell script as root inside."""
        return in_chroot(self.root, ["/bin/sh", "-c", script], timeout_s=timeout_s, environment=environment)

    def deb(
        self,
        name: str,
        version: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        scripts: Mapping[str, str] | None = None,
        conffiles: tuple[str, ...] = (),
        fields: str = "",
    ) -> str:
        """Build a package; its path inside the root."""
        tree = self.root / "opt/build" / f"{name}_{version}"
        shutil.rmtree(tree, ignore_errors=True)
        control = tree / "DEBIAN"
        control.mkdir(parents=True, mode=0o755)
        text = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@example.org>\n{fields}"
        (control / "control").write_text(text + "Description: test\n")
        for path, content in (files or {f"/usr/share/{name}/version": version}).items():
            target = tree / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        for script, body in (scripts or {}).items():
            (control / script).write_text("#!/bin/sh\nset -e\n" + textwrap.dedent(body) + "\n")
            (control / script).chmod(0o755)
        if conffiles:
            (control / "conffiles").write_text("".join(f"{path}\n" for path in conffiles))
        inside = f"/opt/debs/{name}_{version}_all.deb"
        done = run(
            ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(self.root / inside[1:])], timeout_s=20
        )
        assert done.exit_code == 0, done.stderr
        return inside

    def state(self, name: str) -> str:
        """dpkg's word for a package, with its version: ``ii 1``, or empty."""
        done = run(
            ["dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${db:Status-Abbrev}${Version}", name],
            timeout_s=10,
        )
        return done.stdout if done.exit_code == 0 else ""

    def shim(self, name: str, **changes: Any) -> None:
        """Put a shim in place, with other values than the installed ones."""
        text = (CHECKOUT / "toolkit/bootkeep/hooks/files" / name).read_text()
        values = {"PYTHON": "/usr/bin/python3", "DEADLINE": "5", **changes}
        for word, value in values.items():
            text = text.replace(f"@{word}@", str(value))
        target = self.root / "usr/lib/bootkeep" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(0o755)


@pytest.fixture(scope="session")
def session_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The root, unpacked and with bootkeep's hooks, as the Salt formula would install them."""
    root = tmp_path_factory.mktemp("machine") / "root"
    root.mkdir()
    done = run(["tar", "-C", str(root), "--numeric-owner", "-xf", str(base_tar())], timeout_s=120)
    assert done.exit_code == 0, done.stderr
    machine = Machine(root)
    shutil.copytree(CHECKOUT / "toolkit/bootkeep", root / "usr/lib/python3/dist-packages/bootkeep")
    files = CHECKOUT / "toolkit/bootkeep/hooks/files"
    shutil.copy(files / "zz-bootkeep", root / "etc/apt/apt.conf.d/zz-bootkeep")
    shutil.copy(files / "dpkg-cfg-bootkeep", root / "etc/dpkg/dpkg.cfg.d/bootkeep")
    (root / "opt/debs").mkdir(parents=True)
    (root / "opt/build").mkdir()
    for old in (root / "etc/apt/sources.list.d").glob("*"):
        old.unlink()
    (root / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/opt/debs ./\n")
    # apt takes its cache for current while the size and the second of dpkg's status are the same (pkgcachegen.cc, CheckValidity);
    # these tests put a version back within the second.
    (root / "etc/apt/apt.conf.d/00-no-cache").write_text('Dir::Cache { pkgcache ""; srcpkgcache ""; };\n')
    (root / "etc/hostname").write_text("machine\n")
    yield machine
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def machine(session_machine: Machine) -> Iterator[Machine]:
    """The root with an empty store, working shims, and no policy."""
    root = session_machine.root
    for path in ("var/lib/bootkeep", "var/log/bootkeep", "run/bootkeep"):
        shutil.rmtree(root / path, ignore_errors=True)
    session_machine.shim("apt-hook")
    session_machine.shim("dpkg-hook")
    yield session_machine
    for name in ("zy-other", "00-other"):
        (root / "etc/apt/apt.conf.d" / name).unlink(missing_ok=True)
    shutil.rmtree(root / "etc/bootkeep", ignore_errors=True)


def policy(machine: Machine, **values: object) -> None:
    """Write the administrator's policy."""
    folder = machine.root / "etc/bootkeep"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(values))

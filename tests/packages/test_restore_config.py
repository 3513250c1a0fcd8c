"""restore-config after real transactions: what apt replaced or deleted comes back with owner, mode, ACL and attributes."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from bootkeep.edges.kept_copies import load_restored
from bootkeep.facts.errors import BootkeepError
from bootkeep.flows.report import build_report, render
from bootkeep.flows.restore_config import RestoreState, plan_restore, restore

from .conftest import Machine

pytestmark = pytest.mark.lab

CONFFILES = {"/etc/app/main.conf": "package\n", "/etc/app/gone.conf": "package\n", "/etc/app/extra.conf": "key=\n"}
#: POSIX ACL, version 2 (linux/posix_acl_xattr.h): user::rw-, user:4711:r--, group::r--, mask::r--, other::---.
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 6, 0xFFFFFFFF), (2, 4, 4711), (4, 4, 0xFFFFFFFF), (0x10, 4, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF))
)


def state_of(path: Path) -> tuple[object, ...]:
    """Everything that makes a file what it is."""
    info = path.lstat()
    xattrs = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return path.read_bytes(), info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, xattrs


@pytest.fixture
def edited(machine: Machine) -> Machine:
    """A package is installed, and its configuration was made this host's own."""
    machine("dpkg -P app; rm -rf /etc/app")  # what a test before this one left
    path = machine.deb("app", "1", files=CONFFILES, conffiles=tuple(CONFFILES))
    assert machine(f"dpkg -i {path}").exit_code == 0
    main = machine.root / "etc/app/main.conf"
    main.write_text("by hand\n")
    os.chown(main, 33, 4711)
    main.chmod(0o640)
    os.setxattr(main, "user.origin", b"ticket 42")
    os.setxattr(main, "system.posix_acl_access", ACL)
    (machine.root / "etc/app/gone.conf").write_text("mine\n")
    (machine.root / "etc/app/extra.conf").write_text("password = Xk9mQ2vRt7pLw4zB\n")
    return machine


def test_an_upgrade_that_replaced_a_file_is_taken_back(edited: Machine) -> None:
    machine, main = edited, edited.root / "etc/app/main.conf"
    before = state_of(main)
    new = {path: f"version 2 of {path}\n" for path in CONFFILES}
    upgrade = machine.deb("app", "2", files=new, conffiles=tuple(CONFFILES))
    assert machine(f"apt-get -qy -o Dpkg::Options::=--force-confnew install {upgrade}").exit_code == 0
    id = machine.transactions()[-1].id
    assert main.read_text() == "version 2 of /etc/app/main.conf\n"
    states = {item.path: item.state for item in plan_restore(machine.store, id, root=machine.root)}
    assert states["/etc/app/main.conf"] is RestoreState.READY
    assert states["/etc/app/extra.conf"] is RestoreState.NOT_KEPT
    restore(machine.store, id, ["/etc/app/main.conf"], root=machine.root)
    assert state_of(main) == before
    assert main.with_name("main.conf.bootkeep-old").read_text() == "version 2 of /etc/app/main.conf\n"
    assert [one.path for one in load_restored(machine.store, id)] == ["/etc/app/main.conf"]
    text = render(build_report(machine.store, id), "text")
    assert "Put back since (1)" in text and "Xk9mQ2vRt7pLw4zB" not in text
    with pytest.raises(BootkeepError, match="holds a secret"):
        restore(machine.store, id, ["/etc/app/extra.conf"], root=machine.root)


def test_a_purge_that_deleted_a_folder_is_taken_back(edited: Machine) -> None:
    machine = edited
    before = state_of(machine.root / "etc/app/main.conf")
    assert machine("apt-get -qy purge app").exit_code == 0
    assert not (machine.root / "etc/app").exists()
    id = machine.transactions()[-1].id
    restore(machine.store, id, ["/etc/app/main.conf", "/etc/app/gone.conf"], root=machine.root)
    assert state_of(machine.root / "etc/app/main.conf") == before
    assert (machine.root / "etc/app/gone.conf").read_text() == "mine\n"


def test_a_link_that_an_administrator_made_comes_back_as_a_link(edited: Machine) -> None:
    machine, gone = edited, edited.root / "etc/app/gone.conf"
    gone.unlink()
    gone.symlink_to("main.conf")
    assert machine("apt-get -qy purge app").exit_code == 0
    id = machine.transactions()[-1].id
    restore(machine.store, id, ["/etc/app/gone.conf"], root=machine.root)
    assert gone.is_symlink() and gone.readlink() == Path("main.conf")

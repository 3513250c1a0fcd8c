"""restore_config on real files: contents, rights, owners, ACLs and attributes come back, and nothing is lost."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bootkeep.cli import restore_config as command
from bootkeep.edges.config_copies import read_copies
from bootkeep.edges.kept_copies import add_copies, load_copies, load_restored
from bootkeep.edges.redaction_key import make_key
from bootkeep.edges.store import Store
from bootkeep.facts.config_copy import CopyKind
from bootkeep.facts.errors import BootkeepError
from bootkeep.flows.restore_config import RestoreState, plan_restore, restore
from unit.compare.example_host import TRANSACTION

ID = TRANSACTION.id
PATHS = (
    "/etc/sshd_config",
    "/etc/link.conf",
    "/etc/gone.d/x.conf",
    "/etc/shadow",
    "/etc/app.conf",
    "/etc/blob",
    "/etc/kept.conf",
)


def acl(user: int) -> bytes:
    """POSIX ACL, version 2 (linux/posix_acl_xattr.h): user::rw-, user:N:r--, group::---, mask::r--, other::---."""
    entries = ((1, 6, 0xFFFFFFFF), (2, 4, user), (4, 0, 0xFFFFFFFF), (0x10, 4, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def take(store: Store, root: Path, phase: str) -> None:
    add_copies(store, ID, phase, read_copies(PATHS, root=root, limit_bytes=100_000, key=make_key(store.root)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system before a transaction."""
    root = tmp_path / "root"
    (root / "etc/gone.d").mkdir(parents=True)
    main = root / "etc/sshd_config"
    main.write_text("PermitRootLogin no\nPort 22\n")
    main.chmod(0o640)
    os.setxattr(main, "user.note", b"by hand")
    os.setxattr(main, "system.posix_acl_access", acl(4711))
    if os.geteuid() == 0:
        os.chown(main, 12, 34)
    os.utime(main, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    (root / "etc/link.conf").symlink_to("sshd_config")
    (root / "etc/gone.d/x.conf").write_text("mine\n")
    (root / "etc/shadow").write_text("root:$6$abcdefgh$0123456789abcdef:1::\n")
    (root / "etc/app.conf").write_text("a=1\npassword=hunter2\n")
    (root / "etc/blob").write_bytes(b"\0\1\2")
    (root / "etc/kept.conf").write_text("same\n")
    return root


@pytest.fixture
def store(tmp_path: Path, root: Path) -> Store:
    """The store with both looks; in between the transaction did its worst."""
    store = Store(tmp_path / "store")
    store.save_transaction(TRANSACTION)
    take(store, root, "pre")
    for name, text in (("sshd_config", "PermitRootLogin yes\nPort 2222\n"), ("app.conf", "a=2\npassword=hunter2\n")):
        (root / "etc" / name).unlink()
        (root / "etc" / name).write_text(text)
    (root / "etc/link.conf").unlink()
    (root / "etc/link.conf").write_text("no link any more\n")
    (root / "etc/gone.d/x.conf").unlink()
    (root / "etc/gone.d").rmdir()
    (root / "etc/shadow").write_text("root:*:1::\n")
    (root / "etc/blob").write_bytes(b"\0\1\2\3")
    take(store, root, "post")
    return store


def state_of(path: Path) -> tuple[object, ...]:
    info = path.lstat()
    xattrs = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return (path.read_bytes(), info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, xattrs)


def test_the_plan_names_what_changed_and_what_cannot_come_back(store: Store, root: Path) -> None:
    items = {item.path: item for item in plan_restore(store, ID, root=root)}
    assert {path: item.state for path, item in items.items()} == {
        "/etc/sshd_config": RestoreState.READY,
        "/etc/link.conf": RestoreState.READY,
        "/etc/gone.d/x.conf": RestoreState.READY,
        "/etc/shadow": RestoreState.NOT_KEPT,
        "/etc/app.conf": RestoreState.READY,
        "/etc/blob": RestoreState.READY,
    }
    assert "never copied" in items["/etc/shadow"].sentence
    assert "-a=2" in items["/etc/app.conf"].diff
    assert "-PermitRootLogin yes" in items["/etc/sshd_config"].diff
    assert "hunter2" not in str(items)
    assert items["/etc/link.conf"].diff[-1] == "+-> sshd_config"


def test_everything_of_a_file_comes_back_and_what_it_replaced_stays(store: Store, root: Path, tmp_path: Path) -> None:
    before = load_copies(store, ID, "pre")["/etc/sshd_config"]
    restore(store, ID, ["/etc/sshd_config", "/etc/link.conf", "/etc/gone.d/x.conf"], root=root)
    content, mode, uid, gid, mtime_ns, xattrs = state_of(root / "etc/sshd_config")
    assert content == b"PermitRootLogin no\nPort 22\n"
    assert (mode, uid, gid, mtime_ns) == (0o100640, before.uid, before.gid, 1_700_000_000_123_456_789)
    assert xattrs == {"user.note": b"by hand", "system.posix_acl_access": acl(4711)}
    assert (root / "etc/sshd_config.bootkeep-old").read_text() == "PermitRootLogin yes\nPort 2222\n"
    assert (root / "etc/link.conf").readlink() == Path("sshd_config")
    assert (root / "etc/link.conf.bootkeep-old").read_text() == "no link any more\n"
    assert (root / "etc/gone.d/x.conf").read_text() == "mine\n"
    assert not list(root.rglob("*.draft"))
    assert [(one.path, one.kept_as, one.forced) for one in load_restored(store, ID)] == [
        ("/etc/sshd_config", "/etc/sshd_config.bootkeep-old", False),
        ("/etc/link.conf", "/etc/link.conf.bootkeep-old", False),
        ("/etc/gone.d/x.conf", "", False),
    ]
    again = plan_restore(store, ID, ["/etc/sshd_config"], root=root)
    assert again[0].state is RestoreState.SAME


def test_what_changed_since_is_refused_until_forced(store: Store, root: Path) -> None:
    target = root / "etc/sshd_config"
    target.write_text("PermitRootLogin prohibit-password\n")
    before = target.read_bytes()
    with pytest.raises(BootkeepError, match="changed after the transaction"):
        restore(store, ID, root=root)
    assert target.read_bytes() == before
    assert not list(root.rglob("*.bootkeep-old"))
    restore(store, ID, ["/etc/sshd_config"], root=root, force=True)
    assert target.read_text().startswith("PermitRootLogin no")
    assert (root / "etc/sshd_config.bootkeep-old").read_bytes() == before
    assert load_restored(store, ID)[0].forced


def test_a_file_that_came_back_by_hand_after_its_deletion_is_refused(store: Store, root: Path) -> None:
    (root / "etc/gone.d").mkdir()
    (root / "etc/gone.d/x.conf").write_text("somebody's\n")
    with pytest.raises(BootkeepError, match="changed after"):
        restore(store, ID, ["/etc/gone.d/x.conf"], root=root)


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/never-seen"])
def test_what_was_not_kept_is_refused_by_name_and_nothing_else_is_touched(store: Store, root: Path, path: str) -> None:
    with pytest.raises(BootkeepError):
        restore(store, ID, ["/etc/sshd_config", path], root=root)
    assert (root / "etc/sshd_config").read_text().startswith("PermitRootLogin yes")


def test_a_directory_in_its_place_is_left_alone(store: Store, root: Path) -> None:
    (root / "etc/link.conf").unlink()
    (root / "etc/link.conf").mkdir()
    with pytest.raises(BootkeepError, match="a directory stands"):
        restore(store, ID, ["/etc/link.conf"], root=root, force=True)


@pytest.mark.parametrize("path", ["../etc/passwd", "/etc/../../x", "relative"])
def test_no_path_leads_out_of_the_root(store: Store, root: Path, path: str) -> None:
    with pytest.raises(BootkeepError):
        restore(store, ID, [path], root=root)


def test_a_link_on_the_way_does_not_lead_out_of_a_mounted_root(store: Store, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "etc/gone.d").symlink_to(outside)
    with pytest.raises(BootkeepError):
        restore(store, ID, ["/etc/gone.d/x.conf"], root=root)
    assert not list(outside.iterdir())


def test_a_read_only_place_leaves_everything_as_it_was(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        restore(store, ID, ["/etc/sshd_config"], root=root)
    assert sorted(path.name for path in (root / "etc").iterdir() if path.name.startswith((".", "sshd"))) == [
        "sshd_config"
    ]
    assert load_restored(store, ID) == ()


def test_no_secret_is_in_the_store(store: Store) -> None:
    copies = load_copies(store, ID, "pre")
    assert copies["/etc/app.conf"].kind is CopyKind.REDACTED
    assert b"hunter2" not in b"".join(store.config_copies(ID, "pre").values())
    assert b"hunter2" not in b"".join(path.read_bytes() for path in store.root.rglob("*") if path.is_file())
    assert (store.root / "redaction.key").stat().st_mode & 0o777 == 0o600


def test_files_with_secrets_come_back_whole_from_their_seals(store: Store, root: Path) -> None:
    restore(store, ID, ["/etc/app.conf", "/etc/blob"], root=root)
    assert (root / "etc/app.conf").read_text() == "a=1\npassword=hunter2\n"
    assert (root / "etc/blob").read_bytes() == b"\0\1\2"
    again = plan_restore(store, ID, ["/etc/app.conf"], root=root)
    assert again[0].state is RestoreState.SAME


def _other_key(store: Store, root: Path) -> None:
    (store.root / "redaction.key").write_bytes(b"k" * 32)


def _cut(store: Store, root: Path) -> None:
    for path in (store.root / "transactions" / ID / "sealed/pre").iterdir():
        path.write_bytes(path.read_bytes()[:-1])


def _swapped(store: Store, root: Path) -> None:
    one, other = sorted((store.root / "transactions" / ID / "sealed/pre").iterdir())
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def _gone(store: Store, root: Path) -> None:
    for path in (store.root / "transactions" / ID / "sealed/pre").iterdir():
        path.unlink()


@pytest.mark.parametrize("harm", [_other_key, _cut, _swapped, _gone])
def test_a_seal_that_does_not_open_stops_everything_before_it_begins(
    store: Store, root: Path, harm: Callable[[Store, Path], None]
) -> None:
    harm(store, root)
    with pytest.raises(BootkeepError, match=r"/etc/app\.conf cannot be opened"):
        restore(store, ID, ["/etc/sshd_config", "/etc/app.conf"], root=root, force=True)
    assert (root / "etc/sshd_config").read_text().startswith("PermitRootLogin yes")
    assert (root / "etc/app.conf").read_text() == "a=2\npassword=hunter2\n"


def test_without_a_key_a_secret_is_not_kept_at_all(root: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "keyless")
    store.save_transaction(TRANSACTION)
    add_copies(store, ID, "pre", read_copies(["/etc/app.conf"], root=root, limit_bytes=1000))
    add_copies(store, ID, "post", {})
    assert not load_copies(store, ID, "pre")["/etc/app.conf"].restorable
    assert not (store.root / "transactions" / ID / "sealed").exists()
    item = plan_restore(store, ID, ["/etc/app.conf"], root=root)[0]
    assert item.state is RestoreState.NOT_KEPT
    assert "could not be sealed" in item.sentence and "backup" in item.sentence


def test_of_a_sessions_steps_the_first_content_is_the_one_sealed(store: Store, root: Path) -> None:
    take(store, root, "pre")  # a second step, after the file was replaced
    restore(store, ID, ["/etc/app.conf"], root=root)
    assert (root / "etc/app.conf").read_text() == "a=1\npassword=hunter2\n"


def test_the_command_previews_then_does_it(store: Store, root: Path) -> None:
    app = typer.Typer()
    command.register(app)
    runner = CliRunner()
    base = [ID, "--store", str(store.root), "--root", str(root)]
    preview = runner.invoke(app, base)
    assert preview.exit_code == 0 and "+PermitRootLogin no" in preview.output and "--apply" in preview.output
    assert (root / "etc/sshd_config").read_text().startswith("PermitRootLogin yes")
    done = runner.invoke(app, [*base, "/etc/sshd_config", "--apply", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["files"][0]["kept_as"] == "/etc/sshd_config.bootkeep-old"
    denied = runner.invoke(app, [*base, "/etc/shadow", "--apply"])
    assert denied.exit_code == 5 and "never copied" in denied.output
    assert runner.invoke(app, [*base, "--apply", "--dry-run"]).exit_code == 5

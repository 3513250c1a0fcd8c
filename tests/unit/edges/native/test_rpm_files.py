"""What a real rpm says of packages' files: configuration with its digests, lists, scripts, altered files."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest

from bootkeep.edges.native import integrity, package_modes, package_scripts, rpm_config_files, rpm_files
from bootkeep.edges.run import run
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.probes.config.files import conffiles_of, edited_conffiles_of, file_owners_of

SPEC = """
Name: acmed
Version: 1
Release: 1
Summary: A service
License: none
BuildArch: noarch
%description
A service.
%install
install -d "%{buildroot}/etc/acmed" %{buildroot}/usr/lib/acmed %{buildroot}/var/lib/acmed
echo keep >"%{buildroot}/etc/acmed/with blank.conf"
echo take >%{buildroot}/etc/acmed/take.conf
echo far >%{buildroot}/var/lib/acmed/far.conf
ln -s take.conf %{buildroot}/etc/acmed/link.conf
echo program >%{buildroot}/usr/lib/acmed/helper
%pre
useradd --system acmed
echo made >/etc/acmed/made-by-script
%files
%config(noreplace) "/etc/acmed/with blank.conf"
%config /etc/acmed/take.conf
%config /var/lib/acmed/far.conf
%config(missingok) /etc/acmed/link.conf
%ghost %config(noreplace) /etc/acmed/ghost.conf
%attr(4755, root, root) /usr/lib/acmed/helper
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with every kind of configuration file, built by rpmbuild."""
    folder = tmp_path_factory.mktemp("rpmbuild")
    spec = folder / "acmed.spec"
    spec.write_text(SPEC)
    define = ("--define", f"_topdir {folder}", "--define", f"_rpmdir {folder}", "--define", f"_dbpath {folder}/db")
    done = run(["rpmbuild", "-bb", *define, str(spec)], timeout_s=120)
    assert done.exit_code == 0, done.stderr
    return next(folder.glob("noarch/*.rpm"))


@pytest.fixture
def root(archive: Path, tmp_path: Path) -> Path:
    """A folder that it is installed in."""
    argv = ["rpm", "--root", str(tmp_path), "--dbpath", "/var/lib/rpm", "-i", "--nodeps", "--noscripts", str(archive)]
    done = run(argv, timeout_s=60)
    assert done.exit_code == 0, done.stderr
    return tmp_path


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_configuration_files_with_their_digests(root: Path) -> None:
    assert json.loads(rpm_config_files.answer(root, "")) == {
        "/etc/acmed/ghost.conf": ["acmed", ""],
        "/etc/acmed/link.conf": ["acmed", ""],
        "/etc/acmed/take.conf": ["acmed", digest("take\n")],
        "/etc/acmed/with blank.conf": ["acmed", digest("keep\n")],
        "/var/lib/acmed/far.conf": ["acmed", digest("far\n")],
    }


def test_the_same_for_a_hook_of_what_is_there_and_of_what_comes(root: Path, archive: Path) -> None:
    names = ["/etc/acmed/ghost.conf", "/etc/acmed/link.conf", "/etc/acmed/take.conf", "/etc/acmed/with blank.conf"]
    names.append("/var/lib/acmed/far.conf")
    assert rpm_files.config_paths_of(root, ["acmed", "not-there", "--root=/etc"], timeout_s=30) == names
    assert rpm_files.config_paths_in([str(archive), "/nowhere.rpm"], timeout_s=30) == names
    assert rpm_files.config_paths_in(["", "relative.rpm"], timeout_s=30) == []


def test_lists_scripts_and_special_rights_of_named_packages(root: Path) -> None:
    assert rpm_files.files_of(root, ["acmed", "not-there"])["/usr/lib/acmed/helper"] == "acmed"
    assert rpm_files.files_of(root, ["not-there"]) == {}
    scripts = json.loads(package_scripts.answer(root, "acmed,not-there"))
    assert scripts == {"acmed": "useradd --system acmed\necho made >/etc/acmed/made-by-script"}
    (row,) = json.loads(package_modes.answer(root, "acmed,not-there"))
    assert row["path"] == "/usr/lib/acmed/helper" and row["mode"] & stat.S_ISUID


def test_what_was_altered_is_told_and_configuration_is_not(root: Path) -> None:
    assert json.loads(integrity.answer(root, "acmed")) == {}
    (root / "etc/acmed/take.conf").write_text("mine\n")
    (root / "usr/lib/acmed/helper").write_text("other\n")
    assert json.loads(integrity.answer(root, "acmed")) == {"/usr/lib/acmed/helper": "altered"}
    (root / "usr/lib/acmed/helper").unlink()
    assert json.loads(integrity.answer(root, "acmed")) == {"/usr/lib/acmed/helper": "missing"}


def test_without_a_database_there_is_none_and_a_damaged_one_is_no_empty_one(tmp_path: Path) -> None:
    for ask in (rpm_config_files.answer, rpm_files.answer):
        with pytest.raises(FileNotFoundError):
            ask(tmp_path, "acmed")
    (tmp_path / "var/lib/rpm").mkdir(parents=True)
    (tmp_path / "var/lib/rpm/rpmdb.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(OSError, match="rpm -qac"):
        rpm_config_files.answer(tmp_path, "")


def readings(root: Path, take: str) -> Readings:
    """A snapshot's readings of an EL host with this content in take.conf."""
    listed = [("/etc/acmed/take.conf", digest(take)), ("/etc/acmed/with blank.conf", digest("keep\n"))]
    row = {"type": "file", "mode": "0644", "uid": "0", "gid": "0", "size": "5"}
    return Readings(
        {
            "file:/etc/os-release": Reading(Status.OK, 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'),
            "native:rpm-config-files": Reading(Status.OK, rpm_config_files.answer(root, "")),
            "native:rpm-files:acmed": Reading(Status.OK, rpm_files.answer(root, "acmed")),
            "listing:/etc/**": Reading(Status.OK, json.dumps([{**row, "path": path} for path, _digest in listed])),
            "digest:/etc/**": Reading(Status.OK, json.dumps(dict(listed))),
        }
    )


def test_an_edited_file_is_told_from_a_shipped_one(root: Path) -> None:
    assert edited_conffiles_of(readings(root, "take\n")) == frozenset()
    assert edited_conffiles_of(readings(root, "mine\n")) == frozenset({"/etc/acmed/take.conf"})
    found = conffiles_of(readings(root, "take\n"))
    assert isinstance(found, tuple)
    assert {each.manager for each in found} == {"rpm"} and {each.package for each in found} == {"acmed"}
    owners = file_owners_of(readings(root, "take\n"))
    assert isinstance(owners, dict) and owners["/usr/lib/acmed/helper"] == "acmed"

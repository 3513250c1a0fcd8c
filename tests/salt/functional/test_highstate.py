"""The formula on a real Debian host: plan, work, nothing left to do; faults repaired; protection proved by apt; undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootkeep.lab import highstate
from bootkeep.lab.host import DisposableHost

pytestmark = pytest.mark.lab
CHECKOUT = Path(__file__).parents[3]


def call(host: DisposableHost, *arguments: str) -> Any:
    """One ``salt-call --local``, its answer as data."""
    done = host.run(["salt-call", "--local", "--out=json", *arguments], timeout_s=300)
    assert done.stdout.strip(), done.stderr[-2000:]
    return json.loads(done.stdout)["local"]


def apply(host: DisposableHost, sls: str, *arguments: str) -> dict[str, dict[str, Any]]:
    """``state.apply``: answers by state id."""
    answer = call(host, "state.apply", sls, *arguments)
    assert isinstance(answer, dict), answer
    return {key.split("_|-")[1]: row for key, row in answer.items()}


def single(host: DisposableHost, function: str, *arguments: str) -> dict[str, Any]:
    """``state.single``: its one answer."""
    (row,) = call(host, "state.single", function, *arguments).values()
    assert isinstance(row, dict)
    return row


def autoremoved(host: DisposableHost) -> set[str]:
    """What apt would remove by itself now."""
    lines = host.must(["apt-get", "-s", "autoremove"]).splitlines()
    return {line.split()[1] for line in lines if line.startswith("Remv ")}


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost) -> Iterator[DisposableHost]:
    """The host after its first three highstates. The wheels are those of this checkout."""
    from bootkeep.edges.run import run

    built = run([str(CHECKOUT / ".venv/bin/python"), str(CHECKOUT / "tools/build_wheels.py")], timeout_s=120)
    assert built.exit_code == 0, built.stderr
    story = highstate.apply_three_times(lab_host, lambda _line: None)
    assert story.problems == ()
    yield lab_host


def test_every_module_function_answers(host: DisposableHost) -> None:
    """In the words of the flows, as data."""
    assert call(host, "bootkeep.verdict") == "GO"
    assert call(host, "bootkeep.check")["judgement"] == "GO"
    running = call(host, "bootkeep.last_good")["release"]
    assert [row["release"] for row in call(host, "bootkeep.kernels") if "last-good" in row["kept_because"]] == [running]
    assert call(host, "bootkeep.preserved")[0]["whole"] is True
    assert call(host, "bootkeep.preserve")["release"] == running
    assert call(host, "bootkeep.mark_last_good")["changed"] is False
    assert call(host, "bootkeep.hooks_status") == []
    assert all(test["passed"] for test in call(host, "bootkeep.selftest"))
    assert call(host, "bootkeep.protect_kernels", "test=True")["changes"] == []
    assert call(host, "bootkeep.install_devices")["wrong"] == []
    assert call(host, "bootkeep.default_entry")["entry"]["kernel_path"].endswith(running)
    assert call(host, "bootkeep.runbook_status")["freshness"] == "FRESH"
    assert "RUNBOOK" in call(host, "bootkeep.runbook")
    assert call(host, "bootkeep.transactions") == []
    assert host.path(call(host, "bootkeep.snapshot")["path"]).stat().st_mode & 0o777 == 0o600


def test_secrets_and_records_are_roots_alone(host: DisposableHost) -> None:
    """The policy holds telephone numbers, saves may hold GRUB passwords."""
    for path in ("/etc/bootkeep", "/var/lib/bootkeep", "/var/lib/bootkeep/loader", "/var/lib/bootkeep/runbook"):
        assert host.path(path).stat().st_mode & 0o777 == 0o700, path
    assert host.path("/etc/bootkeep/config.json").stat().st_mode & 0o777 == 0o600


def test_wrong_disks_for_grub_are_answered_anew(host: DisposableHost) -> None:
    """A ghost and a partition: the classic brick of a non-interactive upgrade."""
    right = call(host, "bootkeep.install_devices")["present"]
    host.write("/root/answers", "grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/gone, /dev/loop0p2\n")
    host.must(["debconf-set-selections", "/root/answers"])
    state = ("bootkeep.install_devices_right", "name=grub-pc/install_devices")
    planned = single(host, *state, "test=True")
    assert planned["result"] is None and planned["changes"]
    assert call(host, "bootkeep.install_devices")["wrong"]
    assert single(host, *state)["result"] is True
    assert call(host, "bootkeep.install_devices") == {"present": right, "wanted": right, "wrong": []}
    assert single(host, *state)["changes"] == {}


def test_a_damaged_menu_and_a_dangling_default_are_repaired(host: DisposableHost) -> None:
    """Each after a save; the plan changes nothing."""
    host.must(["grub-editenv", "/boot/grub/grubenv", "set", "saved_entry=gone"])
    host.must(["sed", "-i", "s/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/", "/etc/default/grub"])
    host.must(["update-grub"])
    menu = host.path("/boot/grub/grub.cfg")
    menu.write_text(menu.read_text() + "menuentry 'cut short' {\n")
    damaged = menu.read_bytes()
    saves = len(call(host, "bootkeep.loader_saves"))
    planned = single(host, "bootkeep.menu_current", "name=menu", "test=True")
    assert planned["result"] is None and menu.read_bytes() == damaged
    assert single(host, "bootkeep.menu_current", "name=menu")["result"] is True
    assert single(host, "bootkeep.default_entry_resolves", "name=default", "test=True")["result"] is None
    done = single(host, "bootkeep.default_entry_resolves", "name=default")
    assert done["result"] is True and done["changes"]
    assert "gone" not in host.must(["grub-editenv", "/boot/grub/grubenv", "list"])
    assert len(call(host, "bootkeep.loader_saves")) > saves
    again = apply(host, "bootkeep.bootloader")
    assert {row["result"] for row in again.values()} == {True}
    assert [key for key, row in again.items() if row["changes"]] == []


def test_a_kernel_is_installed_beside_and_the_old_ones_are_safe_from_apt(host: DisposableHost, lab_image: Any) -> None:
    """Without our file apt would remove the oldest; with it, it does not."""
    third = f"linux-image-{lab_image.third_kernel}"
    assert single(host, "bootkeep.kernel_installed", f"name={third}", "test=True")["result"] is None
    assert single(host, "bootkeep.kernel_installed", f"name={third}")["result"] is True
    names = [f"linux-image-{release}" for release in (*lab_image.kernels, lab_image.third_kernel)]
    host.must(["apt-mark", "auto", *names])
    protection = host.path("/etc/apt/apt.conf.d/90bootkeep-kernels")
    protection.rename(protection.parent.parent / "aside")
    assert autoremoved(host) & set(names) == {f"linux-image-{lab_image.kernels[0]}"}
    assert apply(host, "bootkeep.kernel")["bootkeep-kernel-kept"]["result"] is True
    assert autoremoved(host) & set(names) == set()
    shown = host.must(["apt-config", "dump"])
    for name in names:
        assert f'APT::NeverAutoRemove:: "^{name.replace(".", chr(92) + ".")}$";' in shown


def test_what_another_file_clears_is_not_called_protected(host: DisposableHost) -> None:
    """apt is asked, not our own file."""
    for line, sls, key in (
        ("#clear APT::NeverAutoRemove;", "bootkeep.kernel", "bootkeep-kernel-kept"),
        ("#clear DPkg::Pre-Install-Pkgs;", "bootkeep.hooks", "bootkeep-hooks-in-force"),
    ):
        host.write("/etc/apt/apt.conf.d/zzz-other", line + "\n")
        assert apply(host, sls)[key]["result"] is False, line
        host.must(["rm", "/etc/apt/apt.conf.d/zzz-other"])
        assert apply(host, sls)[key]["result"] is True


def test_an_upgrade_in_place_of_the_last_good_kernel_waits_for_its_copy(host: DisposableHost, lab_image: Any) -> None:
    """Refused while there is none; planned once there is."""
    name = f"linux-image-{lab_image.kernels[1]}"
    policy = host.must(["apt-cache", "policy", name])
    newer = next(line.split()[1] for line in policy.splitlines() if "Candidate" in line)
    state = ("bootkeep.kernel_installed", f"name={name}", f"version={newer}", "test=True")
    assert single(host, *state)["result"] is None
    host.must(["mv", "/boot/bootkeep", "/boot/aside"])
    refused = single(host, *state)
    assert refused["result"] is False and "replaced in place" in refused["comment"]
    host.must(["mv", "/boot/aside", "/boot/bootkeep"])


def test_a_host_that_would_not_boot_fails_the_highstate(host: DisposableHost, lab_image: Any) -> None:
    """With the findings; in a plan the verdict is news."""
    # Debian's zz-update-grub leaves the menu alone in a container; then our own state has to make it.
    assert apply(host, "bootkeep.bootloader")["bootkeep-bootloader-menu"]["result"] is True
    assert single(host, "bootkeep.bootable", "name=reboot")["comment"].startswith("GO")
    initramfs = f"/boot/initrd.img-{lab_image.third_kernel}"
    host.must(["mv", initramfs, "/root/initramfs"])
    row = single(host, "bootkeep.bootable", "name=reboot")
    assert row["result"] is False and row["comment"].startswith("NO-GO")
    assert single(host, "bootkeep.bootable", "name=reboot", "test=True")["result"] is None
    host.must(["mv", "/root/initramfs", initramfs])
    row = single(host, "bootkeep.bootable", "name=reboot")
    assert row["result"] is True, row["comment"]


def test_a_mistake_in_pillar_is_named_and_nothing_is_written(host: DisposableHost) -> None:
    """A misspelt switch is no decision."""
    before = host.path("/etc/bootkeep/config.json").read_bytes()
    row = apply(host, "bootkeep.install", 'pillar={"bootkeep": {"policy": {"gaurd": false}}}')
    assert row["bootkeep-install-configuration"]["result"] is False
    assert "gaurd" in row["bootkeep-install-configuration"]["comment"]
    assert host.path("/etc/bootkeep/config.json").read_bytes() == before


def test_wheels_that_are_missing_or_altered_are_not_installed(host: DisposableHost) -> None:
    """The manifest is the whole answer: another digest, or a path instead of a name, is refused."""
    before = call(host, "bootkeep_install.installed")
    row = single(host, "bootkeep.installed", "name=/usr/bin/bootkeep", "source=salt://nowhere")
    assert row["result"] is False and "make wheels" in row["comment"]
    for file, why in (("bootkeep-9-py3-none-any.whl", "digest"), ("../bootkeep-9-py3-none-any.whl", "a path")):
        wheel = {"name": "bootkeep", "version": "9", "file": file, "sha256": "0" * 64}
        host.write("/srv/other/wheels/bootkeep-9-py3-none-any.whl", "not a wheel")
        host.write("/srv/other/wheels/manifest.json", json.dumps({"schema": 1, "wheels": [wheel]}))
        other = ("--file-root=/srv/other", "state.single", "bootkeep.installed", "name=/usr/bin/bootkeep")
        (row,) = call(host, *other, "source=salt://wheels").values()
        assert row["result"] is False and why in row["comment"], row["comment"]
    assert call(host, "bootkeep_install.installed") == before


def test_the_people_of_the_pillar_are_in_the_runbook(host: DisposableHost) -> None:
    """From pillar to policy to paper."""
    assert "Ada Example" in host.path("/var/lib/bootkeep/runbook/runbook.txt").read_text()


def test_the_copy_in_the_binder_is_the_present_one_or_the_state_fails(host: DisposableHost) -> None:
    """By the id that pillar records; by a fact that moved; and without an id it says which one to file."""
    apply(host, "bootkeep.runbook")  # the tests before this one patched the host
    present = json.loads(host.path("/var/lib/bootkeep/runbook/fingerprint.json").read_text())["document_id"]
    answers = {}
    for recorded in ("RB-00000000", present):
        pillar = {"bootkeep": {"site": {"printed_runbook": recorded}}}
        answers[recorded] = apply(host, "bootkeep.runbook.printed", f"pillar={json.dumps(pillar)}")
    wrong, good = (answers[recorded]["bootkeep-runbook-printed"] for recorded in ("RB-00000000", present))
    assert wrong["result"] is False and "no record of a runbook RB-00000000" in wrong["comment"], wrong
    assert good["result"] is True and good["changes"] == {}, good
    table = host.path("/etc/fstab").read_text()
    host.write("/etc/fstab", table + "tmpfs /srv tmpfs noauto 0 0\n")
    moved = single(host, "bootkeep_runbook.printed", "binder", f"document={present}")
    host.write("/etc/fstab", table)
    assert moved["result"] is False and "INVALID" in moved["comment"] and "changed since: mounts" in moved["comment"]
    apply(host, "bootkeep.runbook")
    unrecorded = single(host, "bootkeep_runbook.printed", "binder")
    assert unrecorded["result"] is False and f"put its id, {present}" in unrecorded["comment"]


def test_the_loaders_first_configuration_comes_back(host: DisposableHost) -> None:
    """And the restore itself can be taken back."""
    changed = host.path("/etc/default/grub").read_text()
    assert "/etc/default/grub" in call(host, "bootkeep.loader_restore", "oldest")
    assert host.path("/etc/default/grub").read_text() != changed
    call(host, "bootkeep.loader_restore", "newest")
    assert host.path("/etc/default/grub").read_text() == changed


def test_cleaning_up_takes_everything_away_but_the_evidence(host: DisposableHost) -> None:
    """Planned, done, and then nothing is left to do. The copy of a kernel that stands in /boot as it was goes, too."""
    planned = apply(host, "bootkeep.clean", "test=True")
    assert None in {row["result"] for row in planned.values()}
    assert {row["result"] for row in apply(host, "bootkeep.clean").values()} == {True}
    for path in (
        "/usr/bin/bootkeep", "/etc/bootkeep", "/etc/grub.d/42_bootkeep", "/etc/apt/apt.conf.d/zz-bootkeep",
        "/etc/apt/apt.conf.d/90bootkeep-kernels", "/etc/dpkg/dpkg.cfg.d/bootkeep", "/usr/lib/bootkeep/apt-hook",
        "/etc/systemd/system/bootkeep-booted.service", "/var/lib/bootkeep/runbook", "/boot/RUNBOOK.TXT", "/boot/bootkeep",
        "/usr/lib/bootkeep",
    ):  # fmt: skip
        assert not host.path(path).exists(), path
    assert "bootkeep.cfg" not in host.path("/boot/grub/grub.cfg").read_text()
    assert host.path("/var/lib/bootkeep/loader").is_dir()
    again = apply(host, "bootkeep.clean")
    assert [key for key, row in again.items() if row["changes"] or row["result"] is not True] == []

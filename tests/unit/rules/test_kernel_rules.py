"""B01, B02, B03: kernels that are there, that run, that were replaced."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.facts.boot_entry import GrubConfig
from bootkeep.facts.finding import Severity
from bootkeep.facts.kernel import ModulesTree, OwningPackage
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.machine.identity import parse_os_release
from unit.rules.states import found, healthy, kernels, newest, oldest, severities

ONLY = "fallback-kernel-missing"
MODULES = "running-modules-missing"
REPLACED = "kernel-replaced-in-place"


def test_two_whole_kernels_are_enough_and_one_is_not() -> None:
    state = healthy()
    assert not found(state, ONLY)
    alone = replace(state, kernels=kernels(state)[:1])
    assert severities(alone, ONLY) == [Severity.AT_RISK]
    assert not found(alone, ONLY, Policy(minimum_kernels=1))
    assert severities(state, ONLY, Policy(minimum_kernels=3)) == [Severity.AT_RISK]


def test_a_cut_image_or_missing_modules_do_not_count() -> None:
    assert severities(oldest(healthy(), image_error="cut"), ONLY) == [Severity.AT_RISK]
    assert severities(oldest(healthy(), modules=Absent("/lib/modules/x")), ONLY) == [Severity.AT_RISK]
    tree = kernels(healthy())[-1].modules
    assert isinstance(tree, ModulesTree)
    assert severities(oldest(healthy(), modules=replace(tree, has_modules_dep=False)), ONLY) == [Severity.AT_RISK]


def test_a_preserved_copy_counts_once_the_menu_has_it() -> None:
    state = healthy()
    first = kernels(state)[0]
    image = replace(first.image, path="/boot/bootkeep/k/vmlinuz", sha256="the build before")
    copy = replace(first, preserved=True, key="k", image=image)
    with_copy = replace(state, kernels=(first, copy))
    assert severities(with_copy, ONLY) == [Severity.AT_RISK]
    grub = state.grub
    assert isinstance(grub, GrubConfig)
    entry = replace(grub.entries[0], kernel_path=copy.image.path, id="bootkeep-k")
    assert not found(replace(with_copy, grub=replace(grub, entries=(*grub.entries, entry))), ONLY)


def test_not_knowing_is_unknown_and_nothing_is_lost() -> None:
    assert severities(healthy(kernels=Unknown("no permission")), ONLY) == [Severity.UNKNOWN]
    assert severities(healthy(kernels=()), ONLY) == [Severity.WILL_NOT_BOOT]


def test_running_modules() -> None:
    assert not found(healthy(), MODULES)
    gone = healthy(running_release="6.1.0-30-amd64")
    assert severities(gone, MODULES) == [Severity.ADVICE]
    assert severities(newest(healthy(), modules=Absent("tree")), MODULES) == [Severity.ADVICE]
    assert not found(healthy(running_release=Unknown("rescue")), MODULES)


def test_a_container_is_named_as_one() -> None:
    (finding,) = found(healthy(running_release="6.9.1-host", container="systemd-nspawn"), MODULES)
    assert finding.severity is Severity.ADVICE and "container (systemd-nspawn)" in finding.summary
    assert not found(healthy(container="systemd-nspawn"), MODULES)


def test_a_kernel_from_outside_with_everything_built_in_misses_nothing() -> None:
    assert not found(healthy(running_release="6.9-micro", running_modules=()), MODULES)


def test_replaced_in_place() -> None:
    state = healthy()
    assert not found(state, REPLACED)
    running = state.running_version
    assert isinstance(running, str)
    older = replace(state, running_version=running.replace("6.1.192-2", "6.1.192-1"))
    assert severities(older, REPLACED) == [Severity.ADVICE]
    assert severities(replace(older, kernels=kernels(older)[:1]), REPLACED) == [Severity.AT_RISK]
    assert severities(oldest(older, modules=Absent("tree")), REPLACED) == [Severity.AT_RISK]


def test_on_an_rpm_host_the_builds_themselves_are_compared() -> None:
    """rpm's version of a package is in no kernel's text: only another build is a replaced one."""
    state = healthy()
    owner = OwningPackage("kernel-core", "x86_64", "6.1.0-56.el9", "installed")
    same = newest(replace(state, os_release=parse_os_release('ID="rocky"\nID_LIKE="rhel"\n')), package=owner)
    assert not found(same, REPLACED)
    running = same.running_version
    assert isinstance(running, str)
    other = replace(same, running_version=running.replace("6.1.192-2", "6.1.192-1"))
    assert severities(other, REPLACED) == [Severity.ADVICE]


def test_a_kernel_without_package_is_told_by_its_build() -> None:
    state = newest(healthy(), package=Absent("a package"), version_text="6.1.0-56-cloud-amd64 (me@here) #7 SMP x")
    assert severities(state, REPLACED) == [Severity.ADVICE]
    same = replace(state, running_version="Linux version 6.1.0-56-cloud-amd64 (me@here) (gcc 12) #7 SMP x\n")
    assert not found(same, REPLACED)


def test_the_same_image_under_two_names_is_one_kernel() -> None:
    """``cp vmlinuz-x vmlinuz-x.old``, or a preserved copy of what is still installed: no way back from a bad build."""
    first, *rest = kernels(healthy())
    copies = tuple(replace(each, image=replace(each.image, sha256=first.image.sha256)) for each in rest)
    assert severities(healthy(kernels=(first, *copies)), ONLY) == [Severity.AT_RISK]
    unread = replace(first, image=replace(first.image, sha256=Unknown("not asked")))
    assert not found(healthy(kernels=(unread, *rest)), ONLY)

"""Differences in settings and lists: packages, kernel settings, sshd, mounts, modules, alternatives, reboots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bootkeep.compare.attribution import Attribution
from bootkeep.compare.keyed import Gaps, by, differences
from bootkeep.compare.weakening import mount_guards_lost, sshd_weakened, sysctl_weakened
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.package import Package
from bootkeep.facts.redaction import redact_line
from bootkeep.facts.storage import Mount
from bootkeep.facts.system import SystemState
from bootkeep.facts.unknown import Absent

High, Medium, Low, Info = ChangeSeverity.HIGH, ChangeSeverity.MEDIUM, ChangeSeverity.LOW, ChangeSeverity.INFO
_WEAKER = ChangeClass.SECURITY_WEAKENED
#: rpm keeps the keys that it trusts as packages of this name, a version each.
_RPM_KEY = "gpg-pubkey"


def package_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Packages by name and architecture, in the package manager's own words; what it keeps side by side by version as well."""
    sides = gaps.both("package", before.packages, after.packages)
    if sides is None:
        return
    old, new = (by(side, _package_key) for side in sides)
    for difference in differences(old, new):
        was, now = difference.before, difference.after
        here = now or was
        assert here is not None
        known = here.name in who.packages
        unsettled = now is not None and not now.settled
        trusted = was is None and here.name == _RPM_KEY
        severity = High if unsettled or trusted else (Info if known else Medium)
        yield who.change(
            "package",
            difference.key,
            difference.kind,
            before=_package_words(was),
            after=_package_words(now),
            change_class=_WEAKER
            if trusted
            else (ChangeClass.PACKAGE if known or not who.packages else ChangeClass.UNEXPLAINED),
            severity=severity,
            package=here.name if known else "",
            sentence=f"rpm trusts a key that it did not trust before: {here.name}-{here.version}"
            if trusted
            else _package_sentence(here.name, was, now)
            + (": the package manager has not finished with it" if unsettled else ""),
            rule="repository-key-added" if trusted else "",
        )


def _package_key(package: Package) -> str:
    """An upgrade of a kernel that replaces it shows as one that went and one that came: that is what happened to it."""
    several = package.side_by_side or package.state == "duplicate" or package.name == _RPM_KEY
    beside = f" {package.version}" if several else ""
    return f"{package.name}:{package.architecture}{beside}"


def _package_words(package: Package | None) -> str:
    if package is None:
        return ""
    state = "" if package.state == "installed" else f" {package.state}"
    hold = " (hold)" if package.wanted == "hold" else ""
    return f"{package.version or '-'}{state}{hold}"


def _package_sentence(name: str, was: Package | None, now: Package | None) -> str:
    was_here, is_here = (p is not None and p.state not in {"config-files", "not-installed"} for p in (was, now))
    if was and now and was_here and is_here:
        if was.version != now.version:
            return f"{name} {was.version} became {now.version}"
        if was.state == now.state and was.wanted != now.wanted and "hold" in (was.wanted, now.wanted):
            return f"{name} {'is held back at' if now.wanted == 'hold' else 'is no longer held back at'} {now.version}"
        return f"{name}: {_package_words(was)} became {_package_words(now)}"
    if now and is_here:
        return f"{name} {now.version} was installed"
    if was and was_here:
        return f"{name} {was.version} was removed" + (", its configuration stays" if now else "")
    return f"{name}: the configuration left behind {'was purged' if now is None else 'stays'}"


def sysctl_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Kernel settings."""
    sides = gaps.both("sysctl", before.sysctl, after.sysctl)
    if sides is None:
        return
    for difference in differences(*sides):
        name = difference.key
        if who.noise.rule_for("sysctl", name):
            continue
        was, now = difference.before or "", difference.after or ""
        weaker = difference.kind is ChangeKind.CHANGED and sysctl_weakened(name, was, now)
        yield who.change(
            "sysctl",
            name,
            difference.kind,
            before=redact_line(was),
            after=redact_line(now),
            change_class=_WEAKER if weaker else ChangeClass.OTHER,
            severity=High if weaker else (Low if difference.kind is ChangeKind.CHANGED else Info),
            sentence=f"kernel setting {name} {_from_to(was, now, difference.kind)}"
            + (", which is weaker" if weaker else ""),
            rule="sysctl-weakened" if weaker else "",
        )


def _from_to(was: str, now: str, kind: ChangeKind) -> str:
    shown_was, shown_now = (
        redact_line(" ".join(text.replace("\n", ", ").split()))[:120] or "(empty)" for text in (was, now)
    )
    if kind is ChangeKind.ADDED:
        return f"is new: {shown_now}"
    if kind is ChangeKind.REMOVED:
        return f"is gone (was {shown_was})"
    return f"was {shown_was}, is now {shown_now}"


def sshd_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """What sshd would do, keyword by keyword. From files only what stands there is known, so only shared keywords count."""
    sides = gaps.both("sshd", before.sshd, after.sshd)
    if sides is None:
        return
    was_all, now_all = sides[0].values, sides[1].values
    if sides[0].source != sides[1].source:
        shared = was_all.keys() & now_all.keys()
        was_all, now_all = ({key: side[key] for key in shared} for side in (was_all, now_all))
    package = "openssh-server" if "openssh-server" in who.packages else ""
    for difference in differences(was_all, now_all):
        keyword, was, now = difference.key, difference.before or "", difference.after or ""
        weaker = sshd_weakened(keyword, was, now)
        yield who.change(
            "sshd",
            keyword,
            difference.kind,
            before=redact_line(was.replace("\n", ", ")),
            after=redact_line(now.replace("\n", ", ")),
            change_class=_WEAKER if weaker else ChangeClass.SERVICE,
            severity=High if weaker else Low,
            package=package,
            sentence=f"sshd {_KEYWORDS.get(keyword, keyword)} {_from_to(was, now, difference.kind)}"
            + (", which is weaker" if weaker else ""),
            rule="sshd-weakened" if weaker else "",
        )


#: ``sshd -T`` prints lower case; people know the manual's spelling.
_KEYWORDS = {
    name.lower(): name
    for name in [
        "PermitRootLogin",
        "PasswordAuthentication",
        "KbdInteractiveAuthentication",
        "PermitEmptyPasswords",
        "PubkeyAuthentication",
        "UsePAM",
        "StrictModes",
        "X11Forwarding",
        "AllowTcpForwarding",
        "AllowAgentForwarding",
        "GatewayPorts",
        "PermitTunnel",
        "PermitUserEnvironment",
        "HostbasedAuthentication",
        "IgnoreRhosts",
        "DisableForwarding",
        "AllowUsers",
        "AllowGroups",
        "DenyUsers",
        "DenyGroups",
        "Port",
        "ListenAddress",
        "Ciphers",
        "MACs",
        "KexAlgorithms",
        "HostKeyAlgorithms",
        "MaxAuthTries",
        "LoginGraceTime",
        "Subsystem",
        "Banner",
        "AuthenticationMethods",
    ]
}


def mount_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Mounts by mount point."""
    sides = gaps.both("mount", before.mounts, after.mounts)
    if sides is None:
        return
    # The last mount on a mount point hides the others.
    old, new = ({mount.target: mount for mount in side} for side in sides)
    for difference in differences(old, new):
        was, now = difference.before, difference.after
        lost = mount_guards_lost(was.options, now.options) if was and now else ()
        if who.noise.rule_for("mount", difference.key) or (
            was and now and not lost and _mount_words(was) == _mount_words(now)
        ):
            continue
        if lost:
            sentence = f"{difference.key} lost the mount option {', '.join(lost)}"
        elif was and now:
            sentence = f"{difference.key} is mounted otherwise: {_mount_words(was)} became {_mount_words(now)}"
        else:
            sentence = f"{difference.key} {'is now mounted' if now else 'is no longer mounted'}"
        yield who.change(
            "mount",
            difference.key,
            difference.kind,
            before=_mount_words(was),
            after=_mount_words(now),
            change_class=_WEAKER if lost else ChangeClass.OTHER,
            severity=High if lost else (Medium if now is None else Low),
            sentence=sentence,
            rule="mount-guard-lost" if lost else "",
        )


def _mount_words(mount: Mount | None) -> str:
    if mount is None:
        return ""
    # Sizes and descriptors of virtual file systems change by themselves; overlay's directories are the container's.
    options = [
        o
        for o in mount.options
        if not o.startswith(("size=", "nr_", "fd=", "upperdir=", "workdir=", "lowerdir=", "pipe_ino="))
    ]
    return redact_line(f"{mount.source} {mount.file_system} {','.join(options)}")


def module_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Loaded kernel modules."""
    sides = gaps.both("module", before.modules, after.modules)
    if sides is None:
        return
    for difference in differences(*({name: name for name in side} for side in sides)):
        if not who.noise.rule_for("module", difference.key):
            loaded = difference.kind is ChangeKind.ADDED
            yield who.change(
                "module",
                difference.key,
                difference.kind,
                before=difference.before or "",
                after=difference.after or "",
                change_class=ChangeClass.OTHER,
                severity=Info,
                sentence=f"kernel module {difference.key} was {'loaded' if loaded else 'unloaded'}",
            )


def alternative_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """update-alternatives(1): which program stands behind a generic name."""
    sides = gaps.both("alternative", before.alternatives, after.alternatives, none={})
    if sides is None:
        return
    sides_mapped: tuple[Mapping[str, str], Mapping[str, str]] = sides
    for difference in differences(*sides_mapped):
        target = difference.after or difference.before or ""
        yield who.change(
            "alternative",
            difference.key,
            difference.kind,
            before=difference.before or "",
            after=difference.after or "",
            change_class=ChangeClass.OTHER,
            severity=Low if difference.kind is ChangeKind.CHANGED else Info,
            package=who.owner_of_path(target),
            sentence=f"alternative {difference.key} {_from_to(difference.before or '', difference.after or '', difference.kind)}",
        )


def reboot_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """A package asked for a reboot, or the reboot happened."""
    sides = gaps.both("reboot-required", before.reboot_required, after.reboot_required, none=())
    was, now = (not isinstance(state.reboot_required, Absent) for state in (before, after))
    if sides is None or (was == now and sides[0] == sides[1]):
        return
    packages = ", ".join(sides[1]) or "a package"
    yield who.change(
        "reboot-required",
        "/run/reboot-required",
        ChangeKind.REMOVED if not now else (ChangeKind.CHANGED if was else ChangeKind.ADDED),
        before=", ".join(sides[0]) if was else "",
        after=packages if now else "",
        change_class=ChangeClass.BOOT,
        severity=Medium if now else Info,
        package=next((name for name in sides[1] if name in who.packages), ""),
        sentence=f"a reboot is asked for by {packages}" if now else "no reboot is asked for any more",
    )

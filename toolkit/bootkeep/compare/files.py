"""Differences in files: configuration, crontabs, programs with special rights, /boot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bootkeep.compare.accounts import changed_accounts
from bootkeep.compare.attribution import Attribution
from bootkeep.compare.capabilities import capability_words
from bootkeep.compare.claims import ACCOUNT_FILES
from bootkeep.compare.keyed import Difference, Gaps, by, differences
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.redaction import is_denied
from bootkeep.facts.system import BootFileState, ConfigFile, SpecialFile, SystemState
from bootkeep.probes.config.files import LEFTOVER_SUFFIXES

High, Medium, Low, Info = ChangeSeverity.HIGH, ChangeSeverity.MEDIUM, ChangeSeverity.LOW, ChangeSeverity.INFO

#: Suffixes under which a package manager keeps the administrator's version after it put its own in place.
_MINE_SAVED = (".dpkg-old", ".ucf-old", ".rpmsave", ".rpmorig")
#: Suffixes of an unpacked version that was never put in place: the run ended in between.
_UNFINISHED = (".dpkg-new",)
#: Files in which a change decides who may become root.
_TRUST = (
    "/etc/sudoers",
    "/etc/pam.d/",
    "/etc/security/",
    "/etc/polkit-1/",
    "/etc/ssh/",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/doas.conf",
)
#: The same for who owns them: what root runs or believes.
_ROOTS_OWN = (
    *_TRUST,
    *("/etc/passwd", "/etc/group", "/etc/profile", "/etc/environment", "/etc/ld.so", "/etc/crontab", "/etc/cron."),
    *("/etc/systemd/", "/etc/init.d/", "/etc/apt/", "/etc/dpkg/", "/etc/modprobe.d/", "/etc/udev/", "/etc/grub.d/"),
)
#: ld.so(8) loads what it names into every program, before the program's own libraries.
_PRELOAD = "/etc/ld.so.preload"
_STICKY = 0o1000


def config_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Configuration files that came, went or changed; a hand-edited one that lost its edits comes first."""
    sides = gaps.both("config", before.config_files, after.config_files)
    if sides is None:
        return
    yield from _folder_changes(*sides, who)
    old, new = ({file.path: file for file in side if file.kind != "dir"} for side in sides)
    edited_before = before.edited_conffiles if isinstance(before.edited_conffiles, frozenset) else frozenset()
    edited_after = after.edited_conffiles if isinstance(after.edited_conffiles, frozenset) else frozenset()
    found = [difference for difference in differences(old, new) if not _is_noise(difference, who)]
    accounts = changed_accounts(before, after)
    saved = {
        base for difference in found if difference.after for base in (leftover_of(difference.key, _MINE_SAVED),) if base
    }
    for difference in found:
        path = difference.key
        package = who.owner_of_path(leftover_of(path, LEFTOVER_SUFFIXES) or path)
        replaced = path in saved or (path in edited_before and path not in edited_after)
        content = difference.before and difference.after and difference.before.sha256 != difference.after.sha256
        if leftover_of(path, LEFTOVER_SUFFIXES):
            yield from _leftover(difference, package, who)
        elif accounts and path in ACCOUNT_FILES:
            yield _account_file(difference, accounts, who)
        elif replaced and content:
            words = who.version_words(package) if package else "The transaction"
            copy = next((path + suffix for suffix in _MINE_SAVED if path + suffix in new), "")
            yield who.change(
                "config",
                path,
                ChangeKind.CHANGED,
                before=_words(difference.before),
                after=_words(difference.after),
                change_class=ChangeClass.CONFIG_REPLACED,
                severity=High,
                package=package,
                sentence=f"{words} replaced {path}, which was edited on this host"
                + (f"; your version is {copy}" if copy else ""),
                rule="config-replaced",
            )
        else:
            yield _config(difference, package, who, edited=path in edited_before)


def _folder_changes(
    before: tuple[ConfigFile, ...], after: tuple[ConfigFile, ...], who: Attribution
) -> Iterator[Change]:
    """Folders come and go with their files; told is only who may put files into one: what lies there is run and believed."""
    old, new = ({file.path: file for file in side if file.kind == "dir"} for side in (before, after))
    for difference in differences(old, new):
        now = difference.after
        if now is None:
            continue
        change = _config(difference, who.owner_of_path(difference.key), who)
        if change.rule:
            yield change


def _account_file(difference: Difference[ConfigFile], accounts: frozenset[str], who: Attribution) -> Change:
    """shadow and its kind follow from the accounts: a package explains them when it explains every account that changed."""
    packages = sorted({who.owner_of_account(name) for name in accounts})
    names = ", ".join(sorted(accounts)[:5])
    if packages and all(packages):
        change = _config(difference, packages[0], who)
        return replace(change, sentence=f"{difference.key} follows from {names}; made by {', '.join(packages)}")
    # Who changed the accounts is asked where they are told themselves.
    change = _config(difference, "", who)
    return replace(
        change,
        severity=Low,
        change_class=ChangeClass.OTHER,
        sentence=f"{difference.key} follows from {names}",
    )


def _is_noise(difference: Difference[ConfigFile], who: Attribution) -> bool:
    was, now = difference.before, difference.after
    if was and now and not now.target and (was.mode, was.uid, was.gid) != (now.mode, now.uid, now.gid):
        return False  # a rule is about contents that are told elsewhere or say nothing; rights always say something
    links = all(file is None or file.target for file in (difference.before, difference.after))
    return who.noise.rule_for("config", difference.key) is not None or (
        links and who.noise.rule_for("config link", difference.key) is not None
    )


def leftover_of(path: str, suffixes: tuple[str, ...]) -> str:
    """The file beside which a package manager left this one; empty when it is no leftover."""
    return next((path.removesuffix(suffix) for suffix in suffixes if path.endswith(suffix)), "")


def _leftover(difference: Difference[ConfigFile], package: str, who: Attribution) -> Iterator[Change]:
    path = difference.key
    base = leftover_of(path, LEFTOVER_SUFFIXES)
    if difference.kind is ChangeKind.REMOVED:
        change_class, severity, words = ChangeClass.CONFIG, Info, f"{path} was removed"
    elif path.endswith(_MINE_SAVED):
        change_class, severity, words = ChangeClass.CONFIG, Low, f"your version of {base} was kept as {path}"
    elif path.endswith(_UNFINISHED):
        change_class, severity, words = (
            ChangeClass.CONFIG,
            Medium,
            f"{path} is left over: unpacking of {base} did not finish",
        )
    else:
        change_class, severity = ChangeClass.CONFIG_KEPT, Medium
        words = f"your {base} stayed; the package's new version lies beside it as {path}"
    yield who.change(
        "config",
        path,
        difference.kind,
        before=_words(difference.before),
        after=_words(difference.after),
        change_class=change_class,
        severity=severity,
        package=package,
        sentence=words,
    )


def _config(
    difference: Difference[ConfigFile], package: str, who: Attribution, *, family: str = "config", edited: bool = False
) -> Change:
    path, was, now = difference.key, difference.before, difference.after
    trust = path.startswith(_TRUST)
    change_class = ChangeClass.CONFIG if package or not who.packages else ChangeClass.UNEXPLAINED
    severity = Info if package else (Medium if trust else Low)
    rule = ""
    parts: list[str] = []
    if was and now:
        if was.kind != now.kind:
            parts.append(f"was a {was.kind}, is a {now.kind}")
        elif was.sha256 != now.sha256:
            parts.append("content changed")
        if was.target != now.target and now.target:
            parts.append(f"points to {now.target}")
        if was.mode != now.mode:
            parts.append(f"mode {was.mode:04o} became {now.mode:04o}")
        if (was.uid, was.gid) != (now.uid, now.gid):
            parts.append(f"owner {was.uid}:{was.gid} became {now.uid}:{now.gid}")
        if not parts:
            parts.append("changed")
    else:
        parts.append("is new" if now else "was removed")
        if was and not package:
            severity = Medium
    if was and edited:  # not replaced, or somebody would have said so: a maintainer script worked on it
        severity = Medium
        parts.append("it had been edited on this host")
    if now and path == _PRELOAD and (was is None or was.sha256 != now.sha256 or was.target != now.target):
        change_class, severity, rule = ChangeClass.SECURITY_WEAKENED, High, "preload-changed"
        parts.append("every program loads what it names")
    elif now and _anybody_writes(now) and not (was and _anybody_writes(was)):
        change_class, severity, rule = ChangeClass.SECURITY_WEAKENED, High, "config-world-writable"
        parts.append("anybody may write to it")
    elif was and now and was.uid == 0 and now.uid != 0 and f"{path}/".startswith(_ROOTS_OWN):
        change_class, severity, rule = ChangeClass.SECURITY_WEAKENED, High, "config-owner"
        parts.append("no longer root's")
    reason = who.reason(path, package) or ("; no package of this transaction owns it" if who.packages else "")
    return who.change(
        family,
        path,
        difference.kind,
        before=_words(was),
        after=_words(now),
        change_class=change_class,
        severity=severity,
        package=package,
        sentence=f"{path}: {', '.join(parts)}{reason}",
        rule=rule,
    )


def _anybody_writes(file: ConfigFile) -> bool:
    """In a sticky folder everybody may put files, but only the owner of one may replace it."""
    writable = bool(file.mode & 0o002)
    return writable and (file.kind == "file" or (file.kind == "dir" and not file.mode & _STICKY))


def _words(file: ConfigFile | None) -> str:
    """A file in a few words. The digest of a file that holds secrets stays here: short secrets can be guessed from it."""
    if file is None:
        return ""
    if file.target:
        return f"link to {file.target}"
    digest = f", sha256 {file.sha256[:12]}" if file.sha256 and not is_denied(file.path) else ""
    return f"{file.kind} {file.mode:04o} {file.uid}:{file.gid}, {file.size_bytes} bytes{digest}"


def crontab_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Users' crontabs: no package owns them, so every change is somebody's. Told line by line where both snapshots can."""
    if all(isinstance(state.settings.get("cron job"), Mapping) for state in (before, after)):
        return
    sides = gaps.both("crontab", before.crontabs, after.crontabs, none=())
    if sides is not None:
        old, new = (by(side, lambda file: file.path) for side in sides)
        for difference in differences(old, new):
            yield _config(difference, "", who, family="crontab")


def special_file_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Programs that gained or lost the rights of another user."""
    sides = gaps.both("special file", before.special_files, after.special_files)
    if sides is None:
        return
    old, new = (by(side, lambda file: file.path) for side in sides)
    shipped = [state.shipped_special_files for state in (before, after)]
    if who.packages and all(isinstance(side, tuple) for side in shipped):
        # Outside a transaction the two sides would list different packages' files.
        for files, more in zip((old, new), shipped, strict=True):
            assert isinstance(more, tuple)
            files.update({file.path: file for file in more if file.capability or file.mode & 0o6000})
    names = _names(before, after)
    for difference in differences(old, new):
        was, now = difference.before, difference.after
        package = who.owner_of_path(difference.key)
        gained = now is not None and (was is None or _rights(now) - _rights(was))
        reason = f"; belongs to {package}" if package else "; no package of this transaction owns it"
        if gained:
            assert now is not None
            sentence = f"{difference.key} is now {_special_words(now, names)}{reason}"
        else:
            sentence = f"{difference.key} is no longer {_special_words(was, names) if was else ''}{reason}"
        yield who.change(
            "special file",
            difference.key,
            difference.kind,
            before=_special_words(was, names) if was else "",
            after=_special_words(now, names) if now else "",
            change_class=ChangeClass.SECURITY_WEAKENED if gained else ChangeClass.SUID,
            severity=High if gained else Info,
            package=package,
            sentence=sentence,
            rule="special-file-added" if gained else "",
        )


def _rights(file: SpecialFile) -> set[str]:
    rights = {capability_words(file.capability)} if file.capability else set()
    if file.mode & 0o4000:
        rights.add(f"SUID {file.uid}")
    if file.mode & 0o2000:
        rights.add(f"SGID {file.gid}")
    return rights


def _names(before: SystemState, after: SystemState) -> dict[str, str]:
    """``SUID 0`` -> ``SUID root``: a reader knows names, the disk knows numbers."""
    names = {"SUID 0": "SUID root", "SGID 0": "SGID root"}
    for state in (before, after):
        if isinstance(state.accounts, tuple):
            names.update({f"SUID {account.uid}": f"SUID {account.name}" for account in reversed(state.accounts)})
        if isinstance(state.groups, tuple):
            names.update({f"SGID {group.gid}": f"SGID {group.name}" for group in reversed(state.groups)})
    return names


def _special_words(file: SpecialFile, names: dict[str, str]) -> str:
    kinds = " and ".join(names.get(right, right) for right in sorted(_rights(file)))
    return f"{kinds} (mode {file.mode:04o})"


def boot_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Kernels, initramfs images and loader configuration."""
    sides = gaps.both("boot", before.boot_files, after.boot_files)
    if sides is None:
        return
    old, new = (by(side, lambda file: file.path) for side in sides)
    for difference in differences(old, new):
        path, was, now = difference.key, difference.before, difference.after
        if who.noise.rule_for("boot", path) or (was and now and _same_content(was, now)):
            continue
        package = who.owner_of_path(path)
        kernel = path.startswith(("/boot/vmlinuz", "/boot/initrd", "/boot/initramfs"))
        severity = Low
        if was and now:
            words, severity = "was replaced in place", (Medium if kernel else Low)
        elif now:
            words = "is new"
        else:
            words, severity = "was removed", (Medium if kernel else Low)
        yield who.change(
            "boot",
            path,
            difference.kind,
            before=_boot_words(was),
            after=_boot_words(now),
            change_class=ChangeClass.BOOT,
            severity=severity,
            package=package,
            sentence=f"{path} {words}" + (f"; belongs to {package}" if package else ""),
        )


def _same_content(was: BootFileState, now: BootFileState) -> bool:
    if was.sha256 and now.sha256:
        return was.sha256 == now.sha256
    return (was.size_bytes, was.mtime_ns) == (now.size_bytes, now.mtime_ns)


def _boot_words(file: BootFileState | None) -> str:
    if file is None:
        return ""
    return f"{file.size_bytes} bytes" + (f", sha256 {file.sha256[:12]}" if file.sha256 else f", inode {file.inode}")

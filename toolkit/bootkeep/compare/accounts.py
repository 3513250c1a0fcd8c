"""Differences in who may do what: accounts, groups, sudo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bootkeep.compare.attribution import Attribution
from bootkeep.compare.keyed import Gaps, by, differences
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.system import Account, Group, SystemState
from bootkeep.facts.unknown import Absent

High, Low, Info = ChangeSeverity.HIGH, ChangeSeverity.LOW, ChangeSeverity.INFO
_WEAKER = ChangeClass.SECURITY_WEAKENED


def sudo_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Who may become root without a password."""
    sides = gaps.both("sudo", before.sudo_without_password, after.sudo_without_password, none=())
    if sides is None:
        return
    for difference in differences(*({line: line for line in side} for side in sides)):
        added = difference.kind is ChangeKind.ADDED
        path = difference.key.partition(": ")[0]
        yield who.change(
            "sudo",
            difference.key,
            difference.kind,
            before=difference.before or "",
            after=difference.after or "",
            change_class=_WEAKER if added else ChangeClass.OTHER,
            severity=High if added else Low,
            package=who.owner_of_path(path),
            sentence=f"sudo without a password {'is now allowed' if added else 'is no longer allowed'} by {difference.key}"
            + who.reason(path, who.owner_of_path(path)),
            rule="sudo-without-password" if added else "",
        )


def changed_accounts(before: SystemState, after: SystemState) -> frozenset[str]:
    """Names of users and groups that came, went or changed, also by their password's state or their subordinate ids."""
    names: set[str] = set()
    for was, now in ((before.accounts, after.accounts), (before.groups, after.groups)):
        if isinstance(was, tuple) and isinstance(now, tuple):
            old, new = ({one.name: one for one in side} for side in (was, now))
            names |= {difference.key for difference in differences(old, new)}
    for family in ("password state", "sub-id"):
        settings = [state.settings.get(family, Absent(family)) for state in (before, after)]
        if all(isinstance(side, Mapping) for side in settings):
            names |= {difference.key.rpartition(": ")[2] for difference in differences(*settings)}  # type: ignore[arg-type]
    return frozenset(names)


def account_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Local accounts and groups."""
    sides = gaps.both("account", before.accounts, after.accounts)
    if sides is not None:
        old, new = (by(side, lambda account: account.name) for side in sides)
        for difference in differences(old, new):
            was, now = difference.before, difference.after
            root = now is not None and now.uid == 0 and (was is None or was.uid != 0)
            yield who.change(
                "account",
                difference.key,
                difference.kind,
                before=_account_words(was),
                after=_account_words(now),
                change_class=_WEAKER if root else _class(who, difference.key),
                severity=High if root else Low,
                package=who.owner_of_account(difference.key),
                sentence=f"account {difference.key} "
                + ("has the rights of root (uid 0)" if root else _came_or_went(difference.kind, _account_words(now)))
                + _made_by(who, difference.key),
                rule="root-account-added" if root else "",
            )
    groups = gaps.both("group", before.groups, after.groups)
    if groups is not None:
        yield from _group_changes(groups, who)


#: Membership gives root, at once or by one more step.
_POWERFUL_GROUPS = frozenset(
    {"root", "sudo", "wheel", "adm", "disk", "shadow", "docker", "lxd", "libvirt", "kmem", "staff"}
)


def _group_changes(groups: tuple[tuple[Group, ...], tuple[Group, ...]], who: Attribution) -> Iterator[Change]:
    old_groups, new_groups = (by(side, lambda group: group.name) for side in groups)
    for difference in differences(old_groups, new_groups):
        was, now = difference.before, difference.after
        joined = set(now.members if now else ()) - set(was.members if was else ())
        powerful = bool(joined) and difference.key in _POWERFUL_GROUPS
        yield who.change(
            "group",
            difference.key,
            difference.kind,
            before=_group_words(was),
            after=_group_words(now),
            change_class=_WEAKER if powerful else _class(who, difference.key),
            severity=High if powerful else Info,
            package=who.owner_of_account(difference.key),
            sentence=f"group {difference.key} "
            + (
                f"gained {', '.join(sorted(joined))}"
                if joined and was
                else _came_or_went(difference.kind, _group_words(now))
            )
            + _made_by(who, difference.key),
            rule="group-member-added" if powerful else "",
        )


def _class(who: Attribution, name: str) -> ChangeClass:
    return ChangeClass.UNEXPLAINED if who.packages and not who.owner_of_account(name) else ChangeClass.OTHER


def _made_by(who: Attribution, name: str) -> str:
    package = who.owner_of_account(name)
    return f"; made by the scripts of {package}" if package else ""


def _came_or_went(kind: ChangeKind, now: str) -> str:
    return {ChangeKind.ADDED: f"is new ({now})", ChangeKind.REMOVED: "was removed"}.get(kind, f"changed: {now}")


def _account_words(account: Account | None) -> str:
    return "" if account is None else f"uid {account.uid}, gid {account.gid}, {account.home}, {account.shell}"


def _group_words(group: Group | None) -> str:
    return "" if group is None else f"gid {group.gid}, members {', '.join(group.members) or 'none'}"

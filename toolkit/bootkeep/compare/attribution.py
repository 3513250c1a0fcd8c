"""Which package of the transaction owns a thing: by the packages' own file lists, conffile lists and unit files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.system import SystemState
from bootkeep.facts.transaction import PackageChange

#: Where packages put unit files and init scripts.
_UNIT_PLACES = ("/usr/lib/systemd/system/", "/lib/systemd/system/", "/etc/systemd/system/")


@dataclass(frozen=True, slots=True)
class Attribution:
    """The packages of one transaction and what they own."""

    packages: Mapping[str, PackageChange]
    owners: Mapping[str, str]  # path -> package

    def owner_of_path(self, path: str) -> str:
        """The transaction's package that owns the path; empty when none does. Merged /usr counts as the same place."""
        for alias in _aliases(path):
            if alias in self.owners:
                return self.owners[alias]
        return ""

    def owner_of_unit(self, unit: str) -> str:
        """The package whose unit file or init script this is; an instance belongs to its template."""
        stem, dot, kind = unit.rpartition(".")
        names = [unit]
        if dot and "@" in stem:
            names.append(f"{stem.partition('@')[0]}@.{kind}")
        for name in names:
            for place in _UNIT_PLACES:
                owner = self.owner_of_path(place + name)
                if owner:
                    return owner
        return self.owner_of_path(f"/etc/init.d/{stem}") if kind == "service" else ""

    def version_words(self, package: str) -> str:
        """``openssh-server 1:9.2p1-2+deb12u7`` for a sentence."""
        change = self.packages.get(package)
        version = (change.new_version or change.old_version) if change else ""
        return f"{package} {version}".strip()

    def change(
        self,
        family: str,
        key: str,
        kind: ChangeKind,
        *,
        before: str,
        after: str,
        change_class: ChangeClass,
        severity: ChangeSeverity,
        sentence: str,
        package: str = "",
        rule: str = "",
    ) -> Change:
        """A Change with its explanation: expected when a package of the transaction owns it and it weakens nothing."""
        weakened = change_class in {ChangeClass.SECURITY_WEAKENED, ChangeClass.CONFIG_REPLACED}
        return Change(
            family=family,
            key=key,
            kind=kind,
            before=before,
            after=after,
            change_class=change_class,
            severity=severity,
            package=package,
            expected=bool(package) and not weakened,
            sentence=sentence,
            rule=rule,
        )


def attribution_of(packages: Iterable[PackageChange], before: SystemState, after: SystemState) -> Attribution:
    """Ownership from both sides: a removed package's list exists only before, a new one's only after."""
    named = {change.name: change for change in packages}
    owners: dict[str, str] = {}
    for state in (before, after):
        if isinstance(state.file_owners, Mapping):
            owners.update({path: owner for path, owner in state.file_owners.items() if owner in named})
        if isinstance(state.conffiles, tuple):
            owners.update(
                {conffile.path: conffile.package for conffile in state.conffiles if conffile.package in named}
            )
    return Attribution(named, owners)


def _aliases(path: str) -> tuple[str, ...]:
    """The path as packages may spell it: Debian 12 packages still list /lib and /bin, the machine has them in /usr."""
    for top in ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/"):
        if path.startswith(top):
            return (path, "/usr" + path)
        if path.startswith("/usr" + top):
            return (path, path.removeprefix("/usr"))
    return (path,)

"""Which package of the transaction owns a thing: by the packages' own lists of files, conffiles and units, and their scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bootkeep.compare.claims import tool_of
from bootkeep.compare.noise import NoiseFilter
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.package_claims import PackageClaims
from bootkeep.facts.system import SystemState
from bootkeep.facts.transaction import PackageChange

#: Where packages put unit files and init scripts.
_UNIT_PLACES = ("/usr/lib/systemd/system/", "/lib/systemd/system/", "/etc/systemd/system/")


@dataclass(frozen=True, slots=True)
class Attribution:
    """The packages of one transaction and what they own."""

    packages: Mapping[str, PackageChange]
    owners: Mapping[str, str]  # path -> package
    claims: PackageClaims = field(default_factory=lambda: PackageClaims({}, {}, {}))
    noise: NoiseFilter = field(default_factory=NoiseFilter)

    def owner_of_path(self, path: str) -> str:
        """The transaction's package that explains the path; empty when none does. Merged /usr counts as the same place.

        A package explains what it ships, what its maintainer scripts name, and what the helpers write that they call.
        """
        owned = self._shipped(path)
        if owned:
            return owned
        for alias in _aliases(path):
            if alias in self.claims.paths:
                return self.claims.paths[alias]
        tool = tool_of(path, self.claims.tools)
        return self.claims.tools[tool] if tool else ""

    def _shipped(self, path: str) -> str:
        return next((self.owners[alias] for alias in _aliases(path) if alias in self.owners), "")

    def owner_below(self, folder: str) -> str:
        """The package that ships or claims something below this folder; empty unless exactly one does."""
        found = {owner for path, owner in (*self.owners.items(), *self.claims.paths.items()) if path.startswith(folder)}
        return found.pop() if len(found) == 1 else ""

    def owner_of_account(self, name: str) -> str:
        """The package whose scripts make, change or remove this user or group; empty when none does."""
        return self.claims.accounts.get(name, "")

    def reason(self, path: str, package: str) -> str:
        """How the package explains the path, as the end of a sentence; empty without a package."""
        if not package:
            return ""
        return f"; belongs to {package}" if self._shipped(path) else f"; made by the scripts of {package}"

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


def attribution_of(
    packages: Iterable[PackageChange], before: SystemState, after: SystemState, noise: NoiseFilter | None = None
) -> Attribution:
    """Ownership from both sides: a removed package's list and scripts exist only before, a new one's only after."""
    named = {change.name: change for change in packages}
    owners: dict[str, str] = {}
    claims = PackageClaims({}, {}, {})
    for state in (before, after):
        if isinstance(state.file_owners, Mapping):
            owners.update({path: owner for path, owner in state.file_owners.items() if owner in named})
        if isinstance(state.conffiles, tuple):
            owners.update(
                {conffile.path: conffile.package for conffile in state.conffiles if conffile.package in named}
            )
        if named and isinstance(state.claims, PackageClaims):
            claims = PackageClaims(
                {**claims.paths, **state.claims.paths},
                {**claims.accounts, **state.claims.accounts},
                {**claims.tools, **state.claims.tools},
            )
    return Attribution(named, owners, claims, noise or NoiseFilter())


def _aliases(path: str) -> tuple[str, ...]:
    """The path as packages may spell it: Debian 12 packages still list /lib and /bin, the machine has them in /usr."""
    for top in ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/"):
        if path.startswith(top):
            return (path, "/usr" + path)
        if path.startswith("/usr" + top):
            return (path, path.removeprefix("/usr"))
    return (path,)

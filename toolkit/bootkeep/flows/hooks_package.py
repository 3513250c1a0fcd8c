"""The package bootkeep-hooks on an rpm host: installed, as new as the file server's, and in force."""

from __future__ import annotations

import sys
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.run import run
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.errors import BootkeepError

NAME = "bootkeep-hooks"
SETTINGS = Path("etc/bootkeep/hooks.conf")
_IDENTITY = "%{VERSION}-%{RELEASE} %{SHA256HEADER}"


def hooks_package_in_force(
    package: Path, *, hook_deadline_s: float, dry_run: bool, root: Path = Path("/")
) -> Converged:
    """Bring ``package`` (a file) in, write what its shim reads, and look whether rpm and dnf really call it.

    The same version with other content is brought in, too. Raises BootkeepError with rpm's own words.
    """
    wanted, present = _identity("-qp", str(package)), _identity("-q", NAME)
    if not wanted:
        raise BootkeepError(
            f"{package} is no package that rpm can read",
            where=str(package),
            next_step="Build it again with 'make rpms' on the master.",
        )
    changes: tuple[StateChange, ...] = ()
    if wanted != present:
        changes = (StateChange(NAME, present.partition(" ")[0], wanted.partition(" ")[0]),)
    text = f"python='{sys.executable}'\ndeadline={hook_deadline_s:g}\n"
    settings = root / SETTINGS
    old = settings.read_text("utf-8", "replace") if settings.is_file() else ""
    changes += (StateChange(str(settings), old, text),) if old != text else ()
    if dry_run:
        comment = f"{NAME} would be brought in and told where Salt's Python is." if changes else f"{NAME} is there."
        return Converged(True, comment, changes)
    if old != text:
        settings.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(settings, text.encode(), mode=0o600)
    if wanted != present:
        # rpm itself: the front ends would ask for a signature or a repository, and their own plugins are what is replaced here.
        done = run(["rpm", "-U", "--replacepkgs", "--oldpackage", str(package)], timeout_s=300)
        if done.exit_code != 0:
            raise BootkeepError(
                f"rpm did not install {NAME}: {(done.stderr or done.stdout).strip()[-400:]}",
                where=str(package),
                next_step="Read rpm's words; the hooks are as they were.",
            )
    problems = hooks_package_problems()
    if problems:
        return Converged(False, " ".join(problems), changes)
    return Converged(True, f"rpm, dnf and zypper call the hooks of {wanted.partition(' ')[0]}.", changes)


def hooks_package_withdrawn(*, dry_run: bool, root: Path = Path("/")) -> Converged:
    """No package manager calls the hooks any more."""
    present = _identity("-q", NAME)
    changes: tuple[StateChange, ...] = (StateChange(NAME, present.partition(" ")[0], ""),) if present else ()
    settings = root / SETTINGS
    if settings.is_file():
        changes += (StateChange(str(settings), settings.read_text("utf-8", "replace"), ""),)
    if not changes or dry_run:
        return Converged(True, "The hooks would be taken away." if changes else "There are no hooks.", changes)
    if present:
        done = run(["rpm", "-e", NAME], timeout_s=300)
        if done.exit_code != 0:
            raise BootkeepError(
                f"rpm did not remove {NAME}: {done.stderr.strip()[-400:]}",
                where=NAME,
                next_step="Read rpm's words; the hooks are as they were.",
            )
    settings.unlink(missing_ok=True)
    for compiled in root.glob("usr/lib/python3*/*-packages/dnf-plugins/__pycache__/bootkeep.*.pyc"):
        compiled.unlink(missing_ok=True)  # dnf's Python wrote it beside the plugin; rpm knows nothing of it
    return Converged(True, "The hooks are gone.", changes)


def hooks_package_problems() -> tuple[str, ...]:
    """Why the hooks are not in force on this host, one sentence each; empty when they are."""
    if not _identity("-q", NAME):
        return (f"{NAME} is not installed.",)
    problems: list[str] = []
    changed = run(["rpm", "-V", "--nodeps", NAME], timeout_s=60)
    if changed.exit_code != 0:
        lines = "; ".join(changed.stdout.split("\n")[:3])
        problems.append(f"Files of {NAME} were changed: {lines}. Reinstall it.")
    triggers = run(["rpm", "-q", "--filetriggers", NAME], timeout_s=60).stdout
    if "transfiletriggerun" not in triggers:
        problems.append(f"{NAME} has no trigger that runs before rpm replaces files.")
    macros = run(["rpm", "--eval", "%{?_transaction_flags}%{?__transaction_notriggers}"], timeout_s=30).stdout.strip()
    if "notriggers" in macros:
        problems.append("rpm's macros switch triggers off: look into /etc/rpm.")
    loads = run([sys.executable, "-I", "-c", "import bootkeep.hooks.entry"], timeout_s=60)
    if loads.exit_code != 0:
        problems.append(f"{sys.executable} cannot load the hooks: {loads.stderr.strip()[-200:]}.")
    problems += _dnf_problems()
    return tuple(problems)


def _dnf_problems() -> list[str]:
    """dnf 4 with plugins switched off sees no refusal."""
    path = Path("/etc/dnf/dnf.conf")
    if not path.is_file():
        return []
    from bootkeep.probes.packages.ini import read_ini

    value = read_ini(path.read_text("utf-8", "surrogateescape"), "main").get("plugins", "1").strip().lower()
    off = value in ("0", "no", "false", "off")
    return ["dnf.conf says plugins=0: dnf would not ask the guard. Remove that line."] if off else []


def _identity(*question: str) -> str:
    """Version, release and the header's digest; empty when there is no such package."""
    done = run(["rpm", question[0], "--qf", _IDENTITY, *question[1:]], timeout_s=60)
    return done.stdout.strip() if done.exit_code == 0 else ""

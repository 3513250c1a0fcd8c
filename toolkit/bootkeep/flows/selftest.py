"""selftest: whether the hooks would see the next transaction, and the preserved kernels would be in the next menu."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.transaction import Transaction
from bootkeep.flows.grub_tools import GrubTools, grub_tools
from bootkeep.flows.hooks_package import hooks_package_problems
from bootkeep.flows.package_family import uses_rpm
from bootkeep.flows.preserve import list_preserved, menu_of
from bootkeep.flows.preserved_bls import has_bls_menu
from bootkeep.flows.transaction import close_orphans

SHIM_FOLDER = Path("usr/lib/bootkeep")
SOURCED = "bootkeep.cfg"
_APPLY = "Apply the Salt state bootkeep.hooks."


@dataclass(frozen=True, slots=True)
class SelfTest:
    """One thing that was looked at."""

    name: str
    passed: bool
    detail: str  # what was seen
    next_step: str = ""  # what to do when it did not pass


def selftest(root: Path = Path("/"), store: Store | None = None, *, read_only: bool = False) -> tuple[SelfTest, ...]:
    """Look at everything that the hooks and the preserved kernels stand on.

    Writes a probe file into the store and closes the records of package managers that are gone; with ``read_only`` neither.
    With a root other than ``/`` apt's merged configuration cannot be asked for; that test is left out.
    """
    store = store or Store(root / "var/lib/bootkeep")
    called: list[Callable[[], SelfTest]] = [
        lambda: _shim(root, "apt-hook"),
        lambda: _shim(root, "dpkg-hook"),
        *([_apt_configuration] if root == Path("/") else []),
        lambda: _dpkg_configuration(root),
    ]
    tests: list[Callable[[], SelfTest]] = [
        *([_hooks_package] if root == Path("/") and uses_rpm(root) else [] if uses_rpm(root) else called),
        *([] if read_only else [lambda: _store(store)]),
        lambda: _records(store, root, read_only=read_only),
        lambda: _preserved(root),
    ]
    if grub_tools(root).menu.exists():
        tests.append(lambda: _menu(root))
    return tuple(_run(test) for test in tests)


def _hooks_package() -> SelfTest:
    problems = hooks_package_problems()
    if problems:
        return SelfTest("hooks package", False, " ".join(problems), _APPLY)
    return SelfTest("hooks package", True, "rpm, dnf and zypper call the hooks")


def _run(test: Callable[[], SelfTest]) -> SelfTest:
    try:
        return test()
    except (BootkeepError, OSError) as error:
        return SelfTest("selftest", False, str(error), "Look at the error; the other tests stand on their own.")


def _shim(root: Path, name: str) -> SelfTest:
    path = root / SHIM_FOLDER / name
    if not path.is_file():
        return SelfTest(name, False, f"/{SHIM_FOLDER}/{name} is missing", _APPLY)
    if not os.access(path, os.X_OK):
        return SelfTest(name, False, f"/{SHIM_FOLDER}/{name} is not executable", f"chmod 755 /{SHIM_FOLDER}/{name}")
    found = re.search(r"^python='(.*)'$", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    python = found[1] if found else ""
    if not python or not os.access(root / python.lstrip("/"), os.X_OK):
        return SelfTest(name, False, f"its interpreter {python or '(none)'} is missing", _APPLY)
    if root == Path("/"):
        done = run([python, "-I", "-c", "import bootkeep.hooks.entry, bootkeep.flows.hook_run, psutil"], timeout_s=10.0)
        if done.exit_code != 0:
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.exit_code}"]
            return SelfTest(
                name, False, f"{python} cannot load bootkeep: {last[0]}", "Apply the Salt state bootkeep.install."
            )
    return SelfTest(name, True, f"runs with {python}")


def _apt_configuration() -> SelfTest:
    """apt's own merged view: another file may have ``#clear``-ed ours."""
    done = run(["apt-config", "dump"], timeout_s=10.0)
    if done.exit_code != 0:
        return SelfTest(
            "apt.conf", False, f"apt-config dump: {done.stderr.strip()[:200]}", "Repair apt's configuration."
        )
    hook = f"/{SHIM_FOLDER}/apt-hook"
    wanted = {
        "DPkg::Pre-Install-Pkgs": rf'^DPkg::Pre-Install-Pkgs:: "{hook} pre ',
        "DPkg::Post-Invoke": rf'^DPkg::Post-Invoke:: "{hook} post ',
        "Version 3": rf'^DPkg::Tools::Options::{hook}::Version "3";',
        "InfoFD": rf'^DPkg::Tools::Options::{hook}::InfoFD "20";',
    }
    missing = [
        name for name, pattern in wanted.items() if not re.search(pattern, done.stdout, re.MULTILINE | re.IGNORECASE)
    ]
    if missing:
        return SelfTest(
            "apt.conf",
            False,
            f"not in force: {', '.join(missing)}",
            f"{_APPLY} If it stays so, look for '#clear' in /etc/apt/apt.conf.d.",
        )
    return SelfTest("apt.conf", True, "both hooks are in force, with protocol version 3")


def _dpkg_configuration(root: Path) -> SelfTest:
    hook = f"/{SHIM_FOLDER}/dpkg-hook"
    folder = root / "etc/dpkg/dpkg.cfg.d"
    # dpkg reads only names of letters, digits, - and _ (dpkg(1), "/etc/dpkg/dpkg.cfg.d/[0-9a-zA-Z_-]*").
    names = (
        sorted(path for path in folder.glob("*") if re.fullmatch(r"[0-9a-zA-Z_-]+", path.name))
        if folder.is_dir()
        else []
    )
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in names if path.is_file())
    missing = [
        option
        for option, phase in (("pre-invoke", "pre"), ("post-invoke", "post"))
        if not re.search(rf"^{option}[ =]+{re.escape(hook)} {phase}\b", text, re.MULTILINE)
    ]
    if missing:
        return SelfTest("dpkg.cfg", False, f"not in force: {', '.join(missing)}", _APPLY)
    return SelfTest("dpkg.cfg", True, "both hooks are in force")


def _store(store: Store) -> SelfTest:
    try:
        store.writable()
    except BootkeepError as error:
        return SelfTest("store", False, error.what, error.next_step)
    return SelfTest("store", True, f"{store.root} can be written")


def _records(store: Store, root: Path, *, read_only: bool) -> SelfTest:
    closed = () if read_only else close_orphans(store, root=root)
    items = store.transactions()
    damaged = [item.id for item in items if not isinstance(item, Transaction)]
    if damaged:
        where = f"{store.root}/transactions"
        return SelfTest("records", False, f"damaged: {', '.join(damaged[:5])}", f"Move them out of {where}.")
    more = f", {len(closed)} interrupted ones closed just now" if closed else ""
    return SelfTest("records", True, f"{len(items)} transactions{more}")


def _preserved(root: Path) -> SelfTest:
    found = list_preserved(root)
    damaged = [item.record.key for item in found if not item.whole]
    has_grub = grub_tools(root).folder.is_dir()  # another boot loader has no menu of ours
    offered = [item for item in found if item.whole and not item.same_as_packaged]
    hidden = [item.record.key for item in offered if has_grub and not item.in_menu]
    if damaged:
        step = f"bootkeep preserve --remove {damaged[0]}"
        return SelfTest("preserved kernels", False, f"damaged: {', '.join(damaged)}", step)
    if hidden:
        return SelfTest("preserved kernels", False, f"not in the menu: {', '.join(hidden)}", "bootkeep preserve")
    return SelfTest("preserved kernels", True, f"{len(found)} kept, all whole")


def _menu(root: Path) -> SelfTest:
    if has_bls_menu(root):
        return SelfTest("boot menu", True, "its entries are files, the preserved kernels' among them")
    tools = grub_tools(root)
    if tools.grub == "grub2":
        return _custom_menu(root, tools)
    script = root / "etc/grub.d/42_bootkeep"
    if not os.access(script, os.X_OK):
        step = "Apply the Salt state bootkeep.preserved."
        return SelfTest("boot menu", False, "/etc/grub.d/42_bootkeep is missing or not executable", step)
    text = (root / "boot/grub/grub.cfg").read_text(encoding="utf-8", errors="replace")
    if not re.search(rf"^\s*source \S*{re.escape(SOURCED)}", text, re.MULTILINE):
        return SelfTest("boot menu", False, f"grub.cfg does not source {SOURCED}", "update-grub")
    return SelfTest("boot menu", True, f"grub.cfg sources {SOURCED}")


def _custom_menu(root: Path, tools: GrubTools) -> SelfTest:
    """SUSE: grub.cfg sources custom.cfg by itself, and a line of ours in there sources the rest."""
    custom = tools.folder / "custom.cfg"
    text = custom.read_text(encoding="utf-8", errors="replace") if custom.is_file() else ""
    if SOURCED not in text and (root / menu_of(root)).exists():
        return SelfTest("boot menu", False, f"{custom} does not source {SOURCED}", "bootkeep preserve")
    return SelfTest("boot menu", True, f"custom.cfg sources {SOURCED}")

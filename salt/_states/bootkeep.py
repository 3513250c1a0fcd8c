"""States of a boot-safe host. Each is an assertion: its name says what holds when it succeeds.

The work is done by the toolkit in Salt's own Python, which ``bootkeep.installed`` puts there. It is imported inside the
functions: these states are loaded before it is there, and with ``test=True`` they say what they would do even then.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    __salt__: dict[str, Any]
    __opts__: dict[str, Any]

__virtualname__ = "bootkeep"

State: TypeAlias = dict[str, Any]


def __virtual__() -> str:
    return __virtualname__


def installed(name: str, source: str = "salt://bootkeep/files/wheels") -> State:
    """
    The toolkit is in Salt's own Python, in the version that the file server has, and the command ``bootkeep`` starts it.

    name
        path of the command
    source
        directory on the file server that ``make wheels`` filled

    .. code-block:: yaml

        bootkeep-install-toolkit:
          bootkeep.installed:
            - name: /usr/bin/bootkeep
    """
    try:
        pending = __salt__["bootkeep_install.pending"](source)
        text = __salt__["bootkeep_install.launcher_text"]()
        launcher = _read(Path(name))
        changes: State = {}
        for wheel in pending:
            old = __salt__["bootkeep_install.installed"]().get("version", "") if wheel["name"] == "bootkeep" else ""
            changes[wheel["name"]] = {"old": old, "new": f"{wheel['version']} (sha256 {wheel['sha256'][:12]})"}
        if launcher != text:
            changes[name] = {"old": launcher, "new": text}
        if not changes:
            if problem := _toolkit_missing():
                return _answer(name, False, f"The toolkit is there and cannot be imported: {problem}")
            version = __salt__["bootkeep_install.installed"]()["version"]
            return _answer(name, True, f"The toolkit {version} is in Salt's Python.")
        if __opts__["test"]:
            # The states after this one plan with the version that would be installed.
            if pending:
                __salt__["bootkeep_install.plan_from_wheel"](source)
            return _answer(name, None, "The toolkit would be put into Salt's Python.", changes)
        if pending:
            __salt__["bootkeep_install.install"](source)
        if launcher != text:
            __salt__["file.write"](name, args=text.rstrip("\n"))
            __salt__["file.set_mode"](name, "0755")
    except (CommandExecutionError, OSError) as error:
        return _answer(name, False, str(error))
    if problem := _toolkit_missing():
        return _answer(name, False, f"The toolkit was put there and cannot be imported: {problem}", changes)
    return _answer(name, True, "The toolkit was put into Salt's Python.", changes)


def uninstalled(name: str) -> State:
    """
    The toolkit and its command are gone. What it recorded under ``/var/lib/bootkeep`` stays: it is evidence.

    name
        path of the command

    .. code-block:: yaml

        bootkeep-install-clean-toolkit:
          bootkeep.uninstalled:
            - name: /usr/bin/bootkeep
    """
    there = __salt__["bootkeep_install.installed"]()
    changes: State = {}
    if there:
        changes["bootkeep"] = {"old": there["version"], "new": ""}
    if Path(name).exists():
        changes[name] = {"old": _read(Path(name)), "new": ""}
    if not changes or __opts__["test"]:
        comment = "The toolkit would be taken away." if changes else "The toolkit is not there."
        return _answer(name, None if changes else True, comment, changes)
    try:
        __salt__["bootkeep_install.remove"]()
        Path(name).unlink(missing_ok=True)
    except (CommandExecutionError, OSError) as error:
        return _answer(name, False, str(error))
    return _answer(name, True, "The toolkit was taken away.", changes)


def configured(name: str, policy: State) -> State:
    """
    The administrator's policy is on the host, where the command line and the hooks read it; only root may.

    name
        path of the file, ``/etc/bootkeep/config.json``
    policy
        the keys of pillar ``bootkeep:policy`` with ``accepted``, ``people``, ``site`` and ``config_paths``

    .. code-block:: yaml

        bootkeep-install-configuration:
          bootkeep.configured:
            - name: /etc/bootkeep/config.json
            - policy:
                keep_kernels: 3
                people:
                  - {name: Ada Example, role: primary, phone: +1 555 0100}
    """
    return _converge(name, "The policy would be written there.", "configured", Path(name), policy)


def last_good_preserved(name: str) -> State:
    """
    The last-good kernel is kept alive by hard links, with its own boot entry and modules; every boot is recorded.

    .. code-block:: yaml

        bootkeep-preserved-last-good:
          bootkeep.last_good_preserved: []
    """
    return _converge(
        name, "The running kernel would be preserved, with its own boot entry and units.", "last_good_preserved"
    )


def preserving_withdrawn(name: str) -> State:
    """
    The preserved kernels' boot entries and the units that belong to them are gone; the preserved files stay.

    .. code-block:: yaml

        bootkeep-preserved-clean:
          bootkeep.preserving_withdrawn: []
    """
    return _withdraw(name, "preserving_withdrawn")


def kernels_kept(name: str, keep: int = 3, minimum: int = 2, unattended_removal: bool = False) -> State:
    """
    {running, default, last-good, newest} and the newest ``keep`` bootable kernels are safe from automatic removal.

    name
        path of the apt configuration file; it has to sort behind ``50unattended-upgrades``
    keep
        bootable kernels to keep
    minimum
        with fewer bootable kernels than this the state fails
    unattended_removal
        whether unattended-upgrades may remove unused kernels

    .. code-block:: yaml

        bootkeep-kernel-kept:
          bootkeep.kernels_kept:
            - name: /etc/apt/apt.conf.d/90bootkeep-kernels
            - keep: 3
            - minimum: 2
    """
    plan = f"At least {keep} kernels would be kept from automatic removal."
    choices = {"keep": keep, "minimum": minimum, "unattended_removal": unattended_removal}
    return _converge(name, plan, "kernels_kept", Path(name), **choices)


def kernel_installed(name: str, version: str = "") -> State:
    """
    A kernel package is installed beside the others. An upgrade in place of a kernel that is a way back is refused.

    name
        the package, e.g. ``linux-image-6.1.0-50-cloud-amd64``
    version
        its version; apt's candidate when empty

    .. code-block:: yaml

        linux-image-6.1.0-50-cloud-amd64:
          bootkeep.kernel_installed:
            - version: 6.1.176-1
    """
    plan = f"{name} {version}".strip() + " would be installed beside the kernels there."
    if problem := _toolkit_missing():
        return _without_toolkit(name, plan, problem)
    from bootkeep.facts.errors import BootkeepError
    from bootkeep.flows.converge import kernel_install_planned

    try:
        planned = kernel_install_planned(name, str(version or ""))
        changes = {each.name: {"old": each.old_version, "new": each.new_version} for each in planned}
        if not planned:
            return _answer(name, True, f"{name} is installed.")
        if __opts__["test"]:
            return _answer(name, None, plan, changes)
        __salt__["pkg.install"](name, version=version or None, refresh=False)
        left = kernel_install_planned(name, str(version or ""))
    except (BootkeepError, CommandExecutionError, OSError) as error:
        return _answer(name, False, str(error))
    return _answer(name, not left, f"{name} was installed." if not left else f"{name} did not get installed.", changes)


def install_devices_right(name: str) -> State:
    """
    debconf's ``grub-pc/install_devices`` names existing whole disks that hold /boot; nothing to do without grub-pc.

    .. code-block:: yaml

        bootkeep-bootloader-install-devices:
          bootkeep.install_devices_right:
            - name: grub-pc/install_devices
    """
    return _converge(name, "The disks that hold /boot would be named where they are not.", "install_devices_right")


def menu_current(name: str) -> State:
    """
    The boot menu passes ``grub-script-check``, is newer than the newest kernel and has the preserved kernels' entries.

    .. code-block:: yaml

        bootkeep-bootloader-menu:
          bootkeep.menu_current:
            - name: /boot/grub/grub.cfg
    """
    return _converge(name, "The menu would be made again with the preserved kernels' entries.", "menu_current")


def default_entry_resolves(name: str) -> State:
    """
    The default boot entry leads to a kernel and an initramfs that exist.

    .. code-block:: yaml

        bootkeep-bootloader-default-entry:
          bootkeep.default_entry_resolves: []
    """
    return _converge(name, "The default entry would be repaired where it leads nowhere.", "default_entry_resolves")


def loader_configuration_restored(name: str) -> State:
    """
    The boot loader's configuration is what a save holds.

    name
        the save: ``oldest`` (as bootkeep found the host), ``newest``, or the name of a folder in /var/lib/bootkeep/loader

    .. code-block:: yaml

        bootkeep-bootloader-clean-restored:
          bootkeep.loader_configuration_restored:
            - name: oldest
    """
    return _withdraw(name, "loader_configuration_restored", name)


def hooks_in_force(name: str) -> State:
    """
    apt and dpkg call the hooks, and the interpreter behind them starts.

    name
        path of the command ``bootkeep``

    .. code-block:: yaml

        bootkeep-hooks-in-force:
          bootkeep.hooks_in_force:
            - name: /usr/bin/bootkeep
    """
    return _converge(name, "The hooks of apt and dpkg would be installed.", "hooks_in_force")


def hooks_withdrawn(name: str) -> State:
    """
    No package manager calls the hooks any more.

    .. code-block:: yaml

        bootkeep-hooks-clean:
          bootkeep.hooks_withdrawn: []
    """
    return _withdraw(name, "hooks_withdrawn")


def runbook_fresh(name: str) -> State:
    """
    This host's runbook describes the host as it is now.

    name
        folder of the runbook's files

    .. code-block:: yaml

        bootkeep-runbook-fresh:
          bootkeep.runbook_fresh:
            - name: /var/lib/bootkeep/runbook
    """
    return _converge(name, "The runbook would be written.", "runbook_fresh", Path(name))


def bootable(name: str, unknown_blocks: bool = True) -> State:
    """
    The host may be rebooted: the verdict is GO. NO-GO fails with the findings; so does UNKNOWN, unless told otherwise.

    unknown_blocks
        whether UNKNOWN fails too

    .. code-block:: yaml

        bootkeep-bootable-verdict:
          bootkeep.bootable:
            - name: reboot
            - unknown_blocks: true
            - order: last
    """
    if problem := _toolkit_missing():
        return _without_toolkit(name, "The verdict would be GO, NO-GO or UNKNOWN: nobody has looked yet.", problem)
    from bootkeep.facts.errors import BootkeepError
    from bootkeep.flows.converge import bootable_now

    try:
        # In a test run, what the states before this one would do may be what a finding waits for: then it is only news.
        fails, comment = bootable_now(unknown_blocks, dry_run=bool(__opts__["test"]))
    except (BootkeepError, OSError) as error:
        return _answer(name, False, f"UNKNOWN: {error}")
    return _answer(name, None if fails and __opts__["test"] else not fails, comment)


def fixed(name: str, subject: str = "") -> State:
    """
    A finding is not there; when it is, its remedy is applied, logged, and can be taken back. Fails when a person is needed.

    name
        id of the finding
    subject
        only the finding about this path or kernel release

    .. code-block:: yaml

        grub-config-stale:
          bootkeep.fixed: []
    """
    return _converge(name, "The remedy would be applied where the finding is there.", "fixed", name, subject)


def _converge(name: str, plan: str, flow: str, *arguments: Any, **options: Any) -> State:
    """Run a flow that answers with facts.converged.Converged, and say it as Salt does."""
    if problem := _toolkit_missing():
        return _without_toolkit(name, plan, problem)
    from bootkeep.facts.errors import BootkeepError
    from bootkeep.flows import converge

    try:
        done = getattr(converge, flow)(*arguments, **options, dry_run=bool(__opts__["test"]))
    except (BootkeepError, OSError) as error:
        return _answer(name, False, str(error))
    changes = {change.subject: {"old": change.old, "new": change.new} for change in done.changes}
    result = None if done.ok and changes and __opts__["test"] else done.ok
    return _answer(name, result, done.comment, changes)


def _withdraw(name: str, flow: str, *arguments: Any) -> State:
    """The same for what undoes: without the toolkit there is nothing left to undo."""
    if _toolkit_missing():
        return _answer(name, True, "The toolkit is not there, so there is nothing to withdraw.")
    return _converge(name, "", flow, *arguments)


def _answer(name: str, result: bool | None, comment: str, changes: State | None = None) -> State:
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}


def _without_toolkit(name: str, plan: str, problem: str) -> State:
    if __opts__["test"]:
        return _answer(name, None, f"{plan} The toolkit is not there yet (bootkeep.installed puts it there).")
    return _answer(name, False, f"The toolkit cannot be imported: {problem}. State bootkeep.installed puts it there.")


def _toolkit_missing() -> str:
    """Why the toolkit cannot be imported; empty when it can."""
    try:
        import bootkeep.flows.converge  # noqa: F401 - the import is the question
    except ImportError as error:
        return str(error)
    return ""


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""

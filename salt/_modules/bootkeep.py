"""bootkeep on this host: each function calls one flow of the toolkit and returns what JSON can hold.

The toolkit lives in Salt's own Python; state ``bootkeep.installed`` puts it there. It is imported inside the functions:
this module is loaded before that, and again after another version came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    __salt__: dict[str, Any]
    __opts__: dict[str, Any]

__virtualname__ = "bootkeep"


def __virtual__() -> str:
    return __virtualname__


def version() -> str:
    """
    The version of the toolkit in Salt's Python.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.version
    """
    try:
        import bootkeep
    except ImportError as error:
        raise _not_installed(error) from error
    return str(bootkeep.__version__)


def check() -> dict[str, Any]:
    """
    Whether this host may be rebooted: the verdict with its findings and their evidence, and the kernels there are.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.check
    """
    return _call("check")


def verdict() -> str:
    """
    One word: ``GO``, ``NO-GO`` or ``UNKNOWN``. UNKNOWN is never GO.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.verdict
    """
    return _call("verdict")


def kernels() -> list[dict[str, Any]]:
    """
    The kernels of this host, newest first: release, package, whether it could boot, and why it is kept.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.kernels
    """
    return _call("kernels")


def last_good() -> dict[str, Any]:
    """
    The kernel that last booted and passed its health check; ``absent`` or ``unknown`` when there is none on record.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.last_good
    """
    return _call("last_good")


def mark_last_good() -> dict[str, Any]:
    """
    Record the running kernel as last-good. Fails when it cannot be proved which files it was started from.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.mark_last_good
    """
    return _call("mark_last_good")


def preserve() -> dict[str, Any]:
    """
    Keep the last-good kernel alive by hard links, with its own boot entry.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.preserve
    """
    return _call("preserve")


def preserved() -> list[dict[str, Any]]:
    """
    The kernels that are preserved, with their keys and digests.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.preserved
    """
    return _call("preserved")


def protect_kernels(keep: int = 3, minimum: int = 2, test: bool = False) -> dict[str, Any]:
    """
    Keep {running, default, last-good, newest} and the newest ``keep`` kernels from automatic removal.

    keep
        bootable kernels to keep
    minimum
        with fewer bootable kernels than this, ``ok`` is false
    test
        only say what would change

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.protect_kernels keep=3 test=True
    """
    return _call("protect_kernels", keep=keep, minimum=minimum, dry_run=test)


def loader_save(reason: str = "asked for by hand") -> dict[str, Any]:
    """
    Save the boot loader's configuration under ``/var/lib/bootkeep/loader``.

    reason
        words to find it by

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.loader_save reason='before the BIOS update'
    """
    return _call("loader_save", reason)


def loader_saves() -> list[dict[str, Any]]:
    """
    The saves there are, oldest first.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.loader_saves
    """
    return _call("loader_saves")


def loader_restore(folder: str = "newest") -> list[str]:
    """
    Put a save of the boot loader's configuration back; returns what changed. The present one is saved first.

    folder
        ``oldest``, ``newest`` or the name of a folder in ``/var/lib/bootkeep/loader``

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.loader_restore 20261123T170312Z
    """
    return _call("loader_restore", folder)


def default_entry() -> dict[str, Any]:
    """
    What starts by default: how it is chosen, and the kernel and initramfs that it leads to.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.default_entry
    """
    return _call("default_entry")


def install_devices() -> dict[str, Any]:
    """
    The disks that grub-pc writes its boot sector to: what debconf names, what is right, and what is wrong.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.install_devices
    """
    return _call("install_devices")


def hooks_status() -> list[str]:
    """
    What keeps the package managers' hooks from being in force, one sentence each; empty when they are.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.hooks_status
    """
    return _call("hooks_status")


def selftest() -> dict[str, Any]:
    """
    Every self-test of the installation with its result.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.selftest
    """
    return _call("selftest")


def snapshot() -> dict[str, Any]:
    """
    Take a snapshot of this host now and keep it; returns where and when.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.snapshot
    """
    return _call("snapshot")


def transactions(limit: int = 20) -> list[dict[str, Any]]:
    """
    The package transactions on record, newest first.

    limit
        at most so many

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.transactions limit=5
    """
    return _call("transactions", limit)


def report(transaction: str = "") -> dict[str, Any]:
    """
    What a transaction changed, as data.

    transaction
        its id; the newest when empty

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.report 20261123T170312Z-1f2e3d4c
    """
    return _call("report", transaction)


def runbook() -> str:
    """
    This host's runbook as plain text, from its present state.

    CLI Example:

    .. code-block:: bash

        salt-call bootkeep.runbook --out=newline_values_only
    """
    return _call("runbook")


def runbook_status() -> dict[str, Any]:
    """
    Whether the runbook on this host describes it as it is now.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.runbook_status
    """
    return _call("runbook_status")


def fix(finding: str, subject: str = "", test: bool = False) -> dict[str, Any]:
    """
    Apply the remedy of a finding that is there now. What needs a person is refused: ``ok`` is false, and the comment says why.

    finding
        its id, e.g. ``grub-config-stale``
    subject
        only the finding about this path or kernel release
    test
        only say what would be done

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.fix grub-config-stale test=True
    """
    return _call("fix", finding, subject, dry_run=test)


def fixes() -> list[dict[str, Any]]:
    """
    The fixes on record, oldest first, with every step and its exit code.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.fixes
    """
    return _call("fixes")


def fix_undo(fix: str) -> dict[str, Any]:
    """
    Take a fix back; ``undo_notes`` says what could not be taken back.

    fix
        its id

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep.fix_undo 20261123T170312Z-grub-config-stale
    """
    return _call("fix_undo", fix)


def _call(question: str, *arguments: Any, **options: Any) -> Any:
    """One question to the toolkit; its errors become Salt's, by class."""
    try:
        from bootkeep.facts.codec import to_plain
        from bootkeep.facts.errors import BootkeepError
        from bootkeep.flows import questions
    except ImportError as error:
        raise _not_installed(error) from error
    try:
        return to_plain(getattr(questions, question)(*arguments, **options))
    except (BootkeepError, OSError) as error:
        raise CommandExecutionError(str(error)) from error


def _not_installed(error: ImportError) -> CommandExecutionError:
    return CommandExecutionError(f"bootkeep is not in Salt's Python ({error}): run `state.apply bootkeep.install`")

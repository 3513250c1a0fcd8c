"""Put the toolkit into Salt's own Python, and take it away again.

This module works before the toolkit is there, so it imports nothing of it. Wheels come from the file server (built by
``make wheels``) with a manifest of their digests; nothing is downloaded from anywhere else.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    __salt__: dict[str, Any]
    __opts__: dict[str, Any]

__virtualname__ = "bootkeep_install"

TOOLKIT = "bootkeep"


def __virtual__() -> str:
    return __virtualname__


def installed() -> dict[str, str]:
    """
    The toolkit in Salt's Python: its version and the digest of the wheel that it came from; empty when it is not there.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.installed
    """
    importlib.invalidate_caches()
    try:
        found = importlib.metadata.distribution(TOOLKIT)
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {"version": found.version, "sha256": _wheel_digest(found)}


def available(source: str = "salt://bootkeep/files/wheels") -> list[dict[str, str]]:
    """
    The wheels that the file server has: name, version, file and sha256 of each, as its manifest says.

    source
        directory on the file server that ``make wheels`` filled

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.available
    """
    manifest = __salt__["cp.cache_file"](f"{source}/manifest.json")
    if not manifest:
        raise CommandExecutionError(
            f"the file server has no {source}/manifest.json: run `make wheels` in the checkout that serves it"
        )
    try:
        wheels = json.loads(Path(manifest).read_text("utf-8"))["wheels"]
        return [{key: str(wheel[key]) for key in ("name", "version", "file", "sha256")} for wheel in wheels]
    except (ValueError, KeyError, TypeError) as error:
        raise CommandExecutionError(f"{source}/manifest.json is damaged ({error}): run `make wheels` again") from error


def pending(source: str = "salt://bootkeep/files/wheels") -> list[dict[str, str]]:
    """
    The wheels that :func:`install` would put in: the toolkit when its digest differs, the rest when they are missing.

    source
        directory on the file server that ``make wheels`` filled

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.pending
    """
    wanted = []
    for wheel in available(source):
        if wheel["name"] == TOOLKIT:
            if installed().get("sha256") != wheel["sha256"]:
                wanted.append(wheel)
        elif not _has_distribution(wheel["name"]):
            wanted.append(wheel)
    return wanted


def install(source: str = "salt://bootkeep/files/wheels") -> list[str]:
    """
    Install the pending wheels into the Python that runs Salt; returns ``name version`` of each. Needs no network.

    source
        directory on the file server that ``make wheels`` filled

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.install
    """
    wheels = pending(source)
    if not wheels:
        return []
    paths = [_fetch(source, wheel) for wheel in wheels]
    # pip --target takes nothing away: two versions' records side by side, and nobody knows which one is there.
    _remove_from_extras()
    # The resolver stays out of it: the manifest is the whole answer, and --no-deps never touches what Salt brings.
    arguments = ["install", "--no-index", "--no-deps", "--force-reinstall", "--no-compile", *_target(), *paths]
    _pip(arguments)
    forget_imported()
    if problems := unmet():
        raise CommandExecutionError(f"installed, but Salt's Python lacks what it needs: {', '.join(problems)}")
    return [f"{wheel['name']} {wheel['version']}" for wheel in wheels]


def remove() -> bool:
    """
    Take the toolkit out of Salt's Python; True when something was removed. Its dependencies stay: Salt may use them.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.remove
    """
    if not installed():
        return False
    _remove_from_extras()
    if installed():
        _pip(["uninstall", "--yes", TOOLKIT])
    forget_imported()
    if installed():
        raise CommandExecutionError(f"pip left the toolkit in {_location()}: remove it there by hand")
    return True


def unmet() -> list[str]:
    """
    What the installed toolkit requires and Salt's Python does not have; empty when all is there.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.unmet
    """
    from packaging.requirements import InvalidRequirement, Requirement

    problems = []
    for text in importlib.metadata.requires(TOOLKIT) or []:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            problems.append(f"{text} (not understood)")
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(text)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{text} (there is {version})")
    return problems


def launcher_text() -> str:
    """
    The text of the ``bootkeep`` command: a shell line that starts the toolkit in Salt's own Python.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.launcher_text
    """
    extras = f"PYTHONPATH={_extras()}\nexport PYTHONPATH\n" if _extras() else ""
    # -P: root may stand in a directory where somebody else left a bootkeep.py. -s: nor from root's home.
    return (
        "#!/bin/sh\n"
        "# Written by Salt (bootkeep.installed). The toolkit lives in Salt's own Python.\n"
        f'{extras}exec {sys.executable} -P -s -m bootkeep "$@"\n'
    )


def plan_from_wheel(source: str = "salt://bootkeep/files/wheels") -> bool:
    """
    Let this process import the toolkit out of the file server's wheel, installed or not, so that a plan can be made.

    Nothing is unpacked or installed: Python reads the wheel in the minion's cache as it is.

    source
        directory on the file server that ``make wheels`` filled

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.plan_from_wheel
    """
    wheel = next((each for each in available(source) if each["name"] == TOOLKIT), None)
    if wheel is None:
        return False
    path = _fetch(source, wheel)
    forget_imported()
    sys.path.insert(0, path)
    return True


def forget_imported() -> None:
    """
    Forget modules of another toolkit version that this process has imported: the next import takes the new files.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_install.forget_imported
    """
    for name in [name for name in sys.modules if name == TOOLKIT or name.startswith(f"{TOOLKIT}.")]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if not Path(path).match("bootkeep-*.whl")]
    importlib.invalidate_caches()


def _extras() -> str:
    """Where Salt's bundle wants additions (``salt-pip`` does the same): a directory that its upgrades leave alone."""
    relenv = getattr(sys, "RELENV", None)
    if relenv is None:
        return ""
    return os.environ.get("SALT_EXTRAS_DIR") or str(Path(relenv) / "extras-{}.{}".format(*sys.version_info))


def _remove_from_extras() -> None:
    """pip uninstalls nothing from there ("outside environment"), so what is ours is taken away by its names."""
    if not _extras():
        return
    extras = Path(_extras())
    for path in (extras / TOOLKIT, *extras.glob(f"{TOOLKIT}-*.dist-info")):
        shutil.rmtree(path, ignore_errors=True)
    (extras / "bin" / TOOLKIT).unlink(missing_ok=True)


def _target() -> list[str]:
    return ["--upgrade", f"--target={_extras()}"] if _extras() else []


def _location() -> str:
    return _extras() or sys.prefix


def _fetch(source: str, wheel: dict[str, str]) -> str:
    """The wheel in the minion's cache, with the digest that the manifest promised."""
    if Path(wheel["file"]).name != wheel["file"]:
        raise CommandExecutionError(f"{source}/manifest.json names a path, not a file: {wheel['file']!r}")
    cached = __salt__["cp.cache_file"](f"{source}/{wheel['file']}")
    if not cached:
        raise CommandExecutionError(f"the file server has no {source}/{wheel['file']}: run `make wheels` again")
    with Path(cached).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != wheel["sha256"]:
        raise CommandExecutionError(
            f"{source}/{wheel['file']} has digest {digest}, its manifest says {wheel['sha256']}"
        )
    return str(cached)


def _pip(arguments: list[str]) -> None:
    """Run pip of this very Python. ``--isolated``: an administrator's pip.conf must not add an index."""
    # A lean environment: Salt's own PYTHON* settings are for Salt's process, not for pip's.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/root"), "LC_ALL": "C"}
    if _extras():
        environment["PYTHONPATH"] = _extras()
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir", *arguments]
    try:
        done = subprocess.run(  # noqa: TID251 - bootkeep.edges.run is what this installs
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandExecutionError(f"pip of {sys.executable} did not run: {error}") from error
    if done.returncode != 0:
        raise CommandExecutionError(f"pip of {sys.executable} failed: {(done.stderr or done.stdout).strip()[-1000:]}")


def _has_distribution(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _wheel_digest(found: importlib.metadata.Distribution) -> str:
    """The digest that pip recorded when it installed from a wheel file (PEP 610); empty for any other way."""
    try:
        record = json.loads(found.read_text("direct_url.json") or "{}")
        return str(record.get("archive_info", {}).get("hashes", {}).get("sha256", ""))
    except (ValueError, AttributeError):
        return ""

"""bootkeep in a disposable RPM root: the toolkit in a Python of Salt's, the hooks' package installed, a policy."""

from __future__ import annotations

import shutil
from pathlib import Path

from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.rpm.packages import build, hooks

CHECKOUT = Path(__file__).parents[4]
PYTHON = "/opt/salt/bin/python3"
#: Of the staged packages what only Salt and the fleet's store need; most of their size.
_SALTS_OWN = (
    "salt",
    "cryptodome",
    "cryptography",
    "zmq",
    "sqlalchemy",
    "typst",
    "aiohttp",
    "cherrypy",
    "psycopg",
    "libcloud",
    "pip",
    "setuptools",
    "virtualenv",
    "opentelemetry",
    "google",
)


def install_bootkeep(root: Path, salt_packages: Path, *, whole_salt: bool = False, deadline_s: float = 5.0) -> None:
    """Make ``bootkeep`` and its hooks work in ``root``.

    ``salt_packages``: a folder as ``lab.salt_python.staged`` makes it; all of it is put in with ``whole_salt``.
    """
    checked(in_chroot(root, ["python3", "-m", "venv", "--without-pip", "/opt/salt"]), "making Salt's environment")
    site = next(iter((root / "opt/salt/lib").glob("python3.*"))) / "site-packages"
    for entry in sorted(salt_packages.iterdir()):
        if whole_salt or not entry.name.lower().startswith(_SALTS_OWN):
            if entry.is_dir():
                shutil.copytree(entry, site / entry.name, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy(entry, site / entry.name)
    install_toolkit(root)
    settings = root / "etc/bootkeep/hooks.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"python='{PYTHON}'\ndeadline={deadline_s:g}\n", encoding="ascii")
    program = root / "usr/bin/bootkeep"
    program.write_text(f"#!{PYTHON} -I\nimport sys\nfrom bootkeep.cli.app import main\nsys.exit(main())\n", "ascii")
    program.chmod(0o755)
    (package,) = build(root, hooks(), root / "srv/rpms/bootkeep")
    inside = f"/srv/rpms/bootkeep/{package.name}"
    checked(in_chroot(root, ["rpm", "-U", "--replacepkgs", inside]), "installing bootkeep-hooks")


def install_toolkit(root: Path) -> None:
    """Copy this checkout's toolkit into Salt's Python, compiled."""
    site = next(iter((root / "opt/salt/lib").glob("python3.*"))) / "site-packages"
    shutil.rmtree(site / "bootkeep", ignore_errors=True)
    shutil.copytree(CHECKOUT / "toolkit/bootkeep", site / "bootkeep", ignore=shutil.ignore_patterns("__pycache__"))
    inside = "/" + str(site.relative_to(root)) + "/bootkeep"
    checked(in_chroot(root, [PYTHON, "-m", "compileall", "-q", inside]), "compiling the toolkit")


def mark_good(root: Path, release: str) -> None:
    """Write the record that a healthy boot of this kernel would have left."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bootkeep.edges.clock import now_utc\n"
        "from bootkeep.edges.known_digests import sha256_of\n"
        "from bootkeep.edges.store import Store\n"
        "from bootkeep.facts.kernel import LastGood\n"
        "from bootkeep.flows.preserve import kernel_files\n"
        "files = kernel_files(Path('/'), sys.argv[1])\n"
        "digest = sha256_of(Path(files.image))\n"
        "Store().save_last_good(LastGood(sys.argv[1], files.package_version, digest, 'boot', now_utc()))\n"
    )
    checked(in_chroot(root, [PYTHON, "-I", "-c", script, release]), "marking a kernel as good")

"""Builds the package bootkeep-hooks for the file server: what the Salt state ``bootkeep.hooks`` installs on rpm hosts.

It is noarch and needs nothing but a shell, so it is built here, with Debian's rpmbuild, for EL and SUSE alike.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "toolkit"))

from bootkeep.edges.run import run  # noqa: E402
from bootkeep.lab.rpm.packages import hooks  # noqa: E402

TARGET = CHECKOUT / "salt/bootkeep/files/rpms"


def main() -> int:
    """Build it; 0 when the file is there."""
    recipe = hooks()
    with tempfile.TemporaryDirectory(prefix="bootkeep-rpms-") as work:
        macros = {
            **recipe.macros,
            "payload": str(recipe.payload),
            "_topdir": work,
            "_buildhost": "localhost",
            "source_date_epoch_from_changelog": "0",
            # Debian's rpmbuild names other folders than EL's.
            "_binary_payload": "w6.gzdio",
        }
        defines = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        done = run(["rpmbuild", "-bb", "--quiet", "--nodeps", *defines, str(recipe.spec)], timeout_s=300)
        built = sorted(Path(work).glob("RPMS/*/*.rpm"))
        if done.missing or done.exit_code != 0 or not built:
            why = "rpmbuild is not installed: apt-get install rpm" if done.missing else done.stderr.strip()[-500:]
            sys.stderr.write(f"bootkeep: the hooks' package was not built: {why}\n")
            return 1
        shutil.rmtree(TARGET, ignore_errors=True)
        TARGET.mkdir(parents=True)
        for package in built:
            shutil.copy(package, TARGET / package.name)
            sys.stdout.write(f"bootkeep: {TARGET.relative_to(CHECKOUT)}/{package.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

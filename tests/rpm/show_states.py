"""What Salt says on rpm hosts, as a person sees it: the formula twice, a kernel beside, and what is refused.

PYTHONPATH=tests python -m rpm.show_states [el9|suse15 ...]
"""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from .salt_host import APPLY, SaltHost, salt_host

#: What is set wrong by hand first: file, what stands there, what is put there.
WRONG = {
    "el9": ("etc/dnf/dnf.conf", "installonly_limit=3", "installonly_limit=1"),
    "suse15": ("etc/zypp/zypp.conf", "multiversion = provides:multiversion(kernel)", "# multiversion ="),
}


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip() + "\n")
    sys.stdout.flush()


def _call(host: SaltHost, *arguments: str) -> None:
    _say(f"\n$ salt-call --local {shlex.join(arguments)}")
    done = host.as_typed(*arguments)
    _say(f"{done.stdout}{done.stderr}\nexit code {done.exit_code}")


def _kernels(host: SaltHost) -> None:
    _say("\n# kernels there: " + ", ".join(sorted(path.name for path in (host.root / "boot").glob("vmlinuz-*"))))


def show(flavour: str, folder: Path) -> None:
    """Everything on one host."""
    with closing(salt_host(flavour, folder)) as hosts:  # type: ignore[type-var]
        host = next(hosts)
        path, right, wrong = WRONG[flavour]
        front_end = host.root / path
        front_end.write_text(front_end.read_text().replace(right, wrong))
        _say(f"\n===== {flavour}; /{path} was set wrong by hand: {wrong}")
        _call(host, *APPLY)
        _say("\n# the second time")
        _call(host, *APPLY)
        words = right.partition("=")[0].strip()
        lines = [line for line in front_end.read_text().splitlines() if line.startswith(words)]
        _say(f"\n# in /{path} now: {'; '.join(lines)}")
        number, build = host.built.update.split("-")[:2]
        if flavour == "el9":
            _call(host, "state.single", "bootkeep.kernel_installed", "name=kernel", f"version={number}-{build}.el9")
            _call(host, "state.single", "pkg.removed", "name=kernel-core")
        else:
            wanted = f"version={number}-{build}"
            _call(host, "state.single", "bootkeep.kernel_installed", "name=kernel-default", wanted)
            host.run("createrepo_c -q /srv/rpms/careless; zypper -n addrepo -G /srv/rpms/careless careless")
            shutil.rmtree(host.root / "boot/bootkeep", ignore_errors=True)
            careless, build = host.built.careless.split("-")[:2]
            wanted = f"version={careless}-{build}"
            _call(host, "state.single", "bootkeep.kernel_installed", "name=kernel-default", wanted)
        _kernels(host)


def main() -> int:
    """The hosts that were named, or both."""
    with tempfile.TemporaryDirectory(prefix="bootkeep-states-") as folder:
        for flavour in sys.argv[1:] or list(WRONG):
            show(flavour, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

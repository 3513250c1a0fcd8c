"""A disposable rpm host with Salt, masterless, and this checkout's formula: for the tests, and for ``show_states.py``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bootkeep
from bootkeep.edges.run import Completed
from bootkeep.lab.chroot import in_chroot
from bootkeep.lab.rpm.bootkeep_in import CHECKOUT, install_bootkeep, mark_good
from bootkeep.lab.rpm.root import RpmRoot, rpm_root, unpacked
from bootkeep.lab.salt_python import staged

CACHE = Path(bootkeep.__file__).parents[2] / ".cache"
#: The parts without the toolkit's own installation, which the tests on Debian show, and without the verdict: the kernel that runs
#: here is the machine's around it.
PARTS = ("bootkeep.hooks", "bootkeep.preserved", "bootkeep.kernel", "bootkeep.bootloader")
_PROGRAM = "/opt/salt/bin/salt-call"
_SALT_CALL = "#!/opt/salt/bin/python3\nimport sys\nfrom salt.scripts import salt_call\nsys.exit(salt_call())\n"


#: A root is no disk: which one holds /boot cannot be said here. The disks of SUSE's file are tested with recorded machines.
APPLY = (
    "state.apply",
    ",".join(PARTS),
    'pillar={"bootkeep": {"lookup": {"bootloader": {"install_devices": false}}}}',
)


@dataclass
class SaltHost:
    """A root with Salt, masterless."""

    root: Path
    built: RpmRoot

    def run(self, script: str) -> str:
        """A shell script inside; what it printed."""
        done = in_chroot(self.root, ["/bin/sh", "-c", script], timeout_s=300)
        return done.stdout + done.stderr

    def as_typed(self, *arguments: str) -> Completed:
        """One ``salt-call --local`` as a person sees it, a line for each state that went well."""
        argv = [_PROGRAM, "--local", "--state-output=mixed", "--log-level=quiet", *arguments]
        return in_chroot(self.root, argv, timeout_s=300)

    def call(self, *arguments: str) -> Any:
        """One ``salt-call --local``, its answer as data."""
        argv = [_PROGRAM, "--local", "--out=json", "--log-level=quiet", *arguments]
        done = in_chroot(self.root, argv, timeout_s=300)
        assert done.stdout.strip(), done.stderr[-2000:]
        return json.loads(done.stdout[done.stdout.index("{") :])["local"]

    def rows(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """The states' answers by id."""
        answer = self.call(*arguments)
        assert isinstance(answer, dict), answer
        return {key.split("_|-")[1]: row for key, row in answer.items()}


def salt_host(flavour: str, folder: Path) -> Iterator[SaltHost]:
    """One of them, with the formula in place and nothing applied yet; gone afterwards."""
    built = rpm_root(CACHE, flavour, print)
    root = unpacked(built, folder / flavour)
    install_bootkeep(root, staged(CACHE), whole_salt=True, deadline_s=60)
    host = SaltHost(root, built)
    program = root / "opt/salt/bin/salt-call"
    program.write_text(_SALT_CALL, encoding="ascii")
    program.chmod(0o755)
    states = root / "srv/bootkeep"
    shutil.copytree(CHECKOUT / "salt", states / "salt", ignore=shutil.ignore_patterns("wheels", "__pycache__"))
    shutil.copytree(CHECKOUT / "pillar", states / "pillar")
    packages = states / "salt/bootkeep/files/rpms"
    packages.mkdir(parents=True, exist_ok=True)
    for package in (root / "srv/rpms/bootkeep").glob("*.rpm"):
        shutil.copy(package, packages)
    # The toolkit is in Salt's Python already: this part of the formula has nothing to do with rpm.
    install = states / "salt/bootkeep/install/init.sls"
    install.write_text(install.read_text().partition("bootkeep-install-toolkit:")[0] + _INSTALLED)
    (root / "etc/salt").mkdir(exist_ok=True)
    (root / "etc/salt/minion").write_text(
        "id: web01\nfile_client: local\nmaster_type: disable\n"
        "file_roots: {base: [/srv/bootkeep/salt]}\npillar_roots: {base: [/srv/bootkeep/pillar]}\n"
    )
    host.run("rpm -e bootkeep-hooks; rm /etc/bootkeep/hooks.conf")
    host.call("saltutil.sync_all")
    mark_good(root, built.installed)
    yield host
    shutil.rmtree(root, ignore_errors=True)


_INSTALLED = """bootkeep-install-configuration:
  bootkeep.configured:
    - name: /etc/bootkeep/config.json
    - policy: {{ bootkeep.policy | tojson }}
"""

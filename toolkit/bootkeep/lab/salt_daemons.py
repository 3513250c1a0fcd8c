"""A real Salt master and real minions on the loopback interface, each below a folder of its own, for tests and demonstrations.

Each daemon is the first process of a PID namespace: to kill it is to kill all its processes (Salt 3008's engines outlive their
parent otherwise), and whatever ends this program ends them too. They run this checkout's ``salt/`` folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootkeep.edges.run import SAFE_PATH, Completed, run
from bootkeep.lab.chroot import LabError

_SALT = Path(__file__).resolve().parents[3] / "salt"
#: Dies with us, and takes everything that it started with it.
_ALONE = (
    *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
    *("--propagation", "private"),
)
_LOCAL = "127.0.0.1"


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as two:
        one.bind((_LOCAL, 0))
        two.bind((_LOCAL, 0))
        return one.getsockname()[1], two.getsockname()[1]


@dataclass(slots=True)
class Daemon:
    """One Salt daemon. ``kind``: master or minion."""

    kind: str
    name: str
    root: Path
    options: dict[str, Any]
    prefix: Sequence[str] = ()  # e.g. a namespace to enter, a clock to shift
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def configuration(self) -> Path:
        """Its folder of configuration."""
        return self.root / "etc"

    @property
    def log(self) -> Path:
        """Its log."""
        return self.root / "log"

    def start(self) -> None:
        """Start it; it may take seconds until it answers."""
        assert self.process is None
        self.configuration.mkdir(parents=True, exist_ok=True)
        (self.configuration / self.kind).write_text(json.dumps(self.options, indent=1), encoding="utf-8")
        for left in self.root.rglob("*.pid"):
            left.unlink()
        program = [_salt(f"salt-{self.kind}"), "-c", str(self.configuration)]
        with (self.root / "out").open("ab") as stream:
            self.process = subprocess.Popen(
                [*_ALONE, *self.prefix, *program],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=_environment() | self.environment,
            )
        self.starts += 1

    def kill(self) -> None:
        """SIGKILL to all its processes at once, as a power cut or systemd's last resort."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def stop(self) -> None:
        """SIGTERM to its first process; SIGKILL when it takes too long."""
        if self.process is None:
            return
        for child in _children(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        try:
            self.process.wait(20)
            self.process = None
        except subprocess.TimeoutExpired:
            self.kill()

    def said(self, last: int = 3000) -> str:
        """The end of its log."""
        texts = [
            path.read_text(encoding="utf-8", errors="replace")
            for path in (self.log, self.root / "out")
            if path.exists()
        ]
        return "\n".join(texts)[-last:]


@dataclass(slots=True)
class Fleet:
    """A master with its minions."""

    root: Path
    master: Daemon
    minions: dict[str, Daemon] = field(default_factory=dict)

    def add(self, name: str, *, prefix: Sequence[str] = (), **options: Any) -> Daemon:
        """A minion that is not started yet. Its store is :meth:`store_of`."""
        root = self.root / name
        root.mkdir(mode=0o700, parents=True)
        common: dict[str, Any] = {
            "root_dir": str(root), "id": name, "master": _LOCAL, "user": "root",
            "master_port": self.master.options["ret_port"], "publish_port": self.master.options["publish_port"],
            "log_file": str(root / "log"), "log_level": "quiet", "log_level_logfile": "info",
            "acceptance_wait_time": 1, "random_reauth_delay": 1, "recon_default": 200, "recon_max": 1000,
            "auth_tries": 100, "auth_timeout": 3, "request_channel_tries": 1, "minion_restart_command": [],
            "engines_dirs": [str(_SALT / "_engines")], "module_dirs": [str(_SALT)],
            "grains": {"role": "lab"}, "start_event_grains": [], "beacons": {}, "mine_interval": 0,
            "bootkeep_store": str(root / "store"), "engines": [{"bootkeep_sender": {"interval": 0.3, "status_every": 30}}],
        }  # fmt: skip
        minion = Daemon("minion", name, root, common | options, prefix)
        self.minions[name] = minion
        return minion

    def store_of(self, name: str) -> Path:
        """The host's store of a minion."""
        return Path(self.minions[name].options["bootkeep_store"])

    def wait_for_master(self, seconds: float = 90.0) -> None:
        """Until its request port answers."""
        until = time.monotonic() + seconds
        port = self.master.options["ret_port"]
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection((_LOCAL, port), timeout=1):
                return
            time.sleep(0.1)
        raise LabError(
            f"the master does not listen\n{self.master.said()}", where=str(self.master.log), next_step="Read its log."
        )

    def wait_for_minions(self, seconds: float = 120.0) -> None:
        """Until every minion answers a ping."""
        names = sorted(name for name, minion in self.minions.items() if minion.process is not None)
        until = time.monotonic() + seconds
        silent = names
        while silent and time.monotonic() < until:
            done = self.salt("-t", "10", "-L", ",".join(silent), "test.ping", "--out=json", "--static", timeout_s=60)
            with contextlib.suppress(ValueError):
                answers = json.loads(done.stdout or "{}")
                silent = [name for name in silent if answers.get(name) is not True]
        if silent:
            logs = "\n".join(self.minions[name].said() for name in silent)
            raise LabError(
                f"no answer from {', '.join(silent)}\n{logs}", where=str(self.root), next_step="Read the logs."
            )

    def salt(self, *arguments: str, timeout_s: float = 90.0) -> Completed:
        """``salt`` on the master."""
        return self._cli("salt", arguments, timeout_s)

    def salt_run(self, *arguments: str, timeout_s: float = 90.0) -> Completed:
        """``salt-run`` on the master."""
        return self._cli("salt-run", arguments, timeout_s)

    def _cli(self, program: str, arguments: Sequence[str], timeout_s: float) -> Completed:
        argv = [_salt(program), "-c", str(self.master.configuration), *arguments]
        return run(argv, timeout_s=timeout_s, environment=_environment())

    def stop(self) -> None:
        """End everything."""
        for daemon in (*self.minions.values(), self.master):
            daemon.kill()


def new_fleet(root: Path, *, dsn: str = "", **options: Any) -> Fleet:
    """A master that is not started yet, with the intake, the reactors and the runners of this checkout."""
    place = root / "master"
    place.mkdir(mode=0o700, parents=True)
    publish, request = free_ports()
    reactors = str(_SALT / "reactor" / "bootkeep")
    common: dict[str, Any] = {
        "root_dir": str(place), "interface": _LOCAL, "publish_port": publish, "ret_port": request, "user": "root",
        "auto_accept": True, "worker_threads": 3, "log_file": str(place / "log"), "log_level": "quiet",
        "log_level_logfile": "info", "fileserver_backend": ["roots"], "file_roots": {"base": [str(_SALT)]},
        "pillar_roots": {"base": []}, "module_dirs": [str(_SALT)], "engines_dirs": [str(_SALT / "_engines")],
        "runner_dirs": [str(_SALT / "_runners")], "timeout": 10, "enable_legacy_startup_events": False,
        "engines": [{"bootkeep_store": {"report_after": 20.0}}],
        "reactor": [
            {"bootkeep/work": [f"{reactors}/work.sls"]},
            {"salt/minion/*/start": [f"{reactors}/minion_start.sls"]},
            {"bootkeep/capture": [f"{reactors}/capture.sls"]},
        ],
        "bootkeep": {"dsn": dsn or f"sqlite:///{place / 'fleet' / 'fleet.sqlite'}"},
    }  # fmt: skip
    return Fleet(root, Daemon("master", "master", place, common | options))


def _salt(program: str) -> str:
    found = Path(sys.executable).parent / program
    if not found.exists():
        raise LabError(
            f"{program} is not installed beside {sys.executable}", where=str(found), next_step="Run 'make setup'."
        )
    return str(found)


def _environment() -> dict[str, str]:
    # The checkout's venv imports bootkeep from the checkout; Salt's own deprecation warnings are not ours to show.
    return {
        "PATH": f"{Path(sys.executable).parent}:{SAFE_PATH}",
        "LC_ALL": "C",
        "HOME": "/root",
        "PYTHONWARNINGS": "ignore",
    }


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(child) for child in text.split()]
    return []


def scratch_folder(purpose: str) -> Path:
    """A new folder in memory where there is one: dozens of daemons flush thousands of files, and none of them has to last."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
    return Path(tempfile.mkdtemp(prefix=f"bootkeep-{purpose}-", dir=memory if memory.is_dir() else None))


def remove(root: Path) -> None:
    """Take a fleet's folder away."""
    shutil.rmtree(root, ignore_errors=True)

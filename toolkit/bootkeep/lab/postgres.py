"""A real PostgreSQL server of its own: below one folder, reached through a socket in it, run by an unprivileged user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootkeep.edges.run import SAFE_PATH, run
from bootkeep.lab.chroot import LabError, checked

#: PostgreSQL refuses to run as root; this user exists everywhere.
_USER = "nobody"


def programs() -> Path:
    """Where Debian's package keeps initdb and postgres (not on the search path). Raises LabError when it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise LabError("PostgreSQL is not installed", where="/usr/lib/postgresql", next_step="Run 'make system'.")
    return found[-1].parent


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server for the body of a ``with``; its DSN. It dies with this program, however that ends."""
    bin = programs()
    user = pwd.getpwnam(_USER)
    folder = Path(tempfile.mkdtemp(prefix="bootkeep-pg-"))  # a short path: a socket's may have 107 bytes
    try:
        os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        as_user = [
            "setpriv",
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            "--pdeathsig",
            "TERM",
        ]
        made = run(
            [
                *as_user,
                str(bin / "initdb"),
                "-D",
                str(data),
                "-U",
                "bootkeep",
                "--auth=trust",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            timeout_s=120,
            directory=str(folder),
        )
        checked(made, "initdb")
        log = folder / "log"
        with log.open("wb") as stream:
            server = subprocess.Popen(
                [*as_user, str(bin / "postgres"), "-D", str(data), "-k", str(folder), "-c", "listen_addresses="],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, cwd=folder,
                env={"PATH": SAFE_PATH, "LC_ALL": "C"},
            )  # fmt: skip
        try:
            _wait_until_ready(bin, folder, server, log)
            yield f"postgresql+psycopg://bootkeep@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGQUIT)  # "immediate shutdown": the data go away with it
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(20)
            if server.poll() is None:
                server.kill()
                server.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(bin: Path, folder: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        if run([str(bin / "pg_isready"), "-q", "-h", str(folder)], timeout_s=10).exit_code == 0:
            return
        time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise LabError(f"PostgreSQL did not start\n{said}", where=str(folder), next_step="Read the lines above.")

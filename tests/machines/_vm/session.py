"""Runs inside the machine: reads it with bootkeep, then breaks it in each way, reads it again, and takes it back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "toolkit"))
from bootkeep.edges import host as live
from bootkeep.edges import lanes
from bootkeep.edges.collect import collect
from bootkeep.edges.host import LiveHost
from bootkeep.edges.native import initramfs, loader_sees
from bootkeep.edges.run import Completed, run
from bootkeep.facts.codec import to_json
from bootkeep.probes.boot_probes import BOOT_PROBES


def patient(argv: Sequence[str], *, timeout_s: float) -> Completed:
    """An emulated machine on a busy one is slow, and not what the deadlines are for."""
    return run(argv, timeout_s=timeout_s * 20)


setattr(live, "run", patient)  # noqa: B010
# The lanes' own patience with a command, and those of the readers that start a tool: else "it hangs" is recorded, or no answer.
setattr(lanes, "_GRACE_S", 250.0)  # noqa: B010
for reader in (initramfs, loader_sees):
    setattr(reader, "_TIMEOUT_S", 290.0)  # noqa: B010


def shell(command: str) -> int:
    """One piece of shell, with what it says on the console."""
    argv = ["/bin/sh", "-exc", f"export LC_ALL=C DEBIAN_FRONTEND=noninteractive\n{command}"]
    done = subprocess.run(argv)  # noqa: TID251 - it runs in another machine
    return done.returncode


def read(name: str, root: str = "/") -> None:
    """One recording."""
    started = time.monotonic()
    answers = collect(LiveHost(Path(root)), BOOT_PROBES, deadline_s=1200)
    Path(f"/run/bk-out/{name}.json").write_text(to_json(answers), "utf-8", "surrogateescape")
    print(f"SESSION {name}: read in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """All of them. A way to break that fails leaves no recording, and the rest goes on."""
    prepare, steps = json.loads(Path("/run/bk/session.json").read_text())
    shell(prepare)
    shell("efibootmgr -v || true")  # on the console only, beside what is recorded of the same variables
    read("healthy")
    for name, do, undo in steps:
        print(f"SESSION {name}", flush=True)
        if shell(do) == 0:
            read(name)
        else:
            print(f"SESSION {name}: NOT BROKEN", flush=True)
        shell(undo)


if __name__ == "__main__":
    if sys.argv[2:]:
        read(sys.argv[2], sys.argv[1])
    else:
        main()

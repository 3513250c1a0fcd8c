"""Commands inside a root directory, in namespaces of their own: mounts and processes vanish with the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bootkeep.edges.run import Completed, run
from bootkeep.facts.errors import BootkeepError

# A tmpfs for /dev with the few nodes that maintainer scripts use. The machine's own /dev is never shown to a package.
_ENTER = """
set -eu
root=$1; shift
if [ -n "${LAB_ROOT_DEVICE:-}" ]; then mount "$LAB_ROOT_DEVICE" "$root"; fi
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"; mount --make-rslave "$root/sys"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    : >"$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"; ln -s /proc/self/fd "$root/dev/fd"
for device in ${LAB_DEVICES:-}; do cp -a "$device" "$root/dev/"; done
for link in ${LAB_LINKS:-}; do
    mkdir -p "$root/dev/$(dirname "${link%%=*}")"; ln -s "${link#*=}" "$root/dev/${link%%=*}"
done
exec chroot "$root" "$@"
"""


class LabError(BootkeepError):
    """A disposable host could not be built, started or used."""


def checked(done: Completed, doing: str) -> Completed:
    """The result itself when it succeeded; otherwise LabError with the end of what it printed."""
    if done.exit_code != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        why = "no end before the deadline" if done.timed_out else f"exit code {done.exit_code}"
        raise LabError(
            f"{doing} failed: {why}\n{tail}", where=" ".join(done.argv)[-200:], next_step="Read the lines above."
        )
    return done


def in_chroot(
    root: Path,
    argv: Sequence[str],
    *,
    timeout_s: float = 600.0,
    environment: Mapping[str, str] | None = None,
) -> Completed:
    """Run argv inside ``root`` with /proc, /sys and a private /dev; everything it started ends with it.

    In the environment, ``LAB_ROOT_DEVICE`` is mounted on ``root`` first, ``LAB_DEVICES`` (device nodes) and ``LAB_LINKS``
    (``name=target`` below /dev) are added to the private /dev.
    """
    return run(
        [
            *("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--propagation", "private", "--kill-child"),
            *("sh", "-c", _ENTER, "enter", str(root), *argv),
        ],
        timeout_s=timeout_s,
        environment={"DEBIAN_FRONTEND": "noninteractive", **(environment or {})},
    )

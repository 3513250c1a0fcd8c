"""Reading a file up to a limit, the way /proc/sys lets itself be read."""

from __future__ import annotations

import errno
import io
from pathlib import Path

from bootkeep.edges.host import LiveHost, read_limited
from bootkeep.probes.read import File


class ProcSys(io.BytesIO):
    """Refuses large reads as Linux 5.9 and newer do for /proc/sys; a kernel that older readers worked on would not show it."""

    def read(self, size: int | None = -1, /) -> bytes:
        """ENOMEM at KMALLOC_MAX_SIZE."""
        if size is None or size < 0 or size >= 4 * 1024 * 1024:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return super().read(size)


def test_no_single_read_is_large() -> None:
    assert read_limited(ProcSys(b"6.1.0-56-amd64\n"), 4 * 1024 * 1024 + 1) == b"6.1.0-56-amd64\n"
    long = bytes(300_000)
    assert read_limited(ProcSys(long), 1 << 30) == long
    assert len(read_limited(ProcSys(long), 100_001)) == 100_001


def test_the_running_release_is_readable_here() -> None:
    reading = LiveHost(Path("/")).answer(File("/proc/sys/kernel/osrelease"))
    assert reading.ok and reading.text.strip()

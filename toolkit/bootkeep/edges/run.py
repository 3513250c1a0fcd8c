"""The one place that starts child processes: argv only, C locale, closed stdin, a deadline, and no child left behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, BinaryIO

#: Directories searched for tools; a hook's inherited PATH may be anything.
SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Completed:
    """A child that ended, was not there (exit code 127), or ran out of time."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False
    missing: bool = False


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every child: nothing inherited but HOME, so that output is the same everywhere."""
    return {"PATH": SAFE_PATH, "LC_ALL": "C", "HOME": os.environ.get("HOME", "/"), **(extra or {})}


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    input_text: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: str = "/",
) -> Completed:
    """Run a child to its end or its deadline; at the deadline its whole process group is killed.

    Never raises for the child's sake: a missing tool, a bad exit code and a timeout are values.
    """
    started = time.monotonic()
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE if input_text is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(environment),
            cwd=directory,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError, OSError) as error:
        missing = isinstance(error, FileNotFoundError)
        code = 127 if missing else 126
        return Completed(tuple(argv), code, "", str(error), time.monotonic() - started, missing=missing)
    payload = None if input_text is None else input_text.encode("utf-8", "surrogateescape")
    timed_out = False
    try:
        out, err = child.communicate(payload, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        timed_out = True
        _kill_group(child.pid)
        try:
            out, err = child.communicate(timeout=1.0)
        except subprocess.TimeoutExpired:  # in an uninterruptible sleep (dead NFS): leave it, it costs nothing more
            out, err = b"", b""
    except BaseException:
        _kill_group(child.pid)
        raise
    return Completed(
        argv=tuple(argv),
        exit_code=child.returncode if child.returncode is not None else -9,
        stdout=out.decode("utf-8", "surrogateescape"),
        stderr=err.decode("utf-8", "surrogateescape"),
        seconds=time.monotonic() - started,
        timed_out=timed_out,
    )


def detach(argv: Sequence[str]) -> None:
    """Start a process that nobody waits for and that outlives this one: its own session, nothing of ours kept open.

    Raises OSError when no process can be started.
    """
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)  # the one between us, which ends at once
        return
    try:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            os.nice(10)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            for name in os.listdir("/proc/self/fd"):
                if int(name) > 2:
                    with suppress(OSError):  # the listing's own
                        os.close(int(name))
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.execve(argv[0], list(argv), clean_environment())  # noqa: S606 - argv, as everywhere here
    finally:
        os._exit(1)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@dataclass(frozen=True, slots=True)
class Filter:
    """A running filter: read ``output`` to its end, then ask :meth:`finish` whether it was content."""

    tool: str
    child: subprocess.Popen[bytes]
    output: IO[bytes]
    complaints: IO[bytes]
    late: threading.Event  # the deadline ended it

    def finish(self) -> str:
        """What the filter complained about; empty when it read its input to a good end.

        Raises ``TimeoutError`` when the deadline ended it and ``OSError`` when another did (the kernel, short of memory): then
        nothing is known about its input.
        """
        code = self.child.wait()
        if code == 0:
            return ""
        if self.late.is_set():
            raise TimeoutError(f"{self.tool} had not come to the end of it at its deadline")
        if code < 0:
            raise OSError(f"{self.tool} was ended by signal {-code}")
        self.complaints.seek(0)
        said = self.complaints.read(2000).decode("utf-8", "replace").strip().replace("\n", "; ")
        return said or f"the decompressor ended with code {code}"


#: What an ordinary user may have (/proc/sys/fs/pipe-max-size): a stream of 60 MB changes hands 60 times and not 1000.
_FILTER_PIPE_BYTES = 1 << 20


@contextmanager
def filtered(argv: Sequence[str], source: BinaryIO, *, timeout_s: float) -> Iterator[Filter]:
    """A file through a filter such as ``zstd -dc``, as a stream; the child is gone when the block ends.

    Raises ``FileNotFoundError`` when the tool is not installed. At the deadline the child is killed, so a read ends early
    and :meth:`Filter.finish` says so.
    """
    import tempfile  # with all of shutil: hooks start no filter

    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            list(argv),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=clean_environment(),
            cwd="/",
            start_new_session=True,
        )
        late = threading.Event()

        def end() -> None:
            late.set()
            _kill_group(child.pid)

        watch = threading.Timer(timeout_s, end)
        watch.daemon = True
        watch.start()
        try:
            if child.stdout is None:
                raise OSError("the filter has no output")
            with suppress(OSError):  # a host may allow less; then it only takes more turns
                fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, _FILTER_PIPE_BYTES)
            yield Filter(argv[0], child, child.stdout, complaints, late)
        finally:
            watch.cancel()
            if child.poll() is None:
                _kill_group(child.pid)
            if child.stdout is not None:
                child.stdout.close()
            child.wait()

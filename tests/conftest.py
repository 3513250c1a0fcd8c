"""What all tests share: the disposable Debian 12 host, built once and cached, and who runs what when there are two workers.

``make test`` gives each core a worker (pytest-xdist). The slow tests, which mostly wait for a machine, come first, so that
the quick ones fill the gaps; the tests of one file stay together and in order (``--dist loadfile``), because they share a host.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bootkeep.edges.run import run
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import Image, build
from bootkeep.lab.salt_python import staged

CHECKOUT = Path(__file__).parents[1]
CACHE = CHECKOUT / ".cache"

# A busy machine must not fail a property: how long an example takes is bench/'s business. The same examples each time, so that
# the same code gets the same answer twice; BOOTKEEP_EXPLORE=1 looks for new ones, and what it finds becomes a test of its own.
settings.register_profile("bootkeep", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("explore" if os.environ.get("BOOTKEEP_EXPLORE") else "bootkeep")


#: Folders of tests with hosts of their own, in the order in which they begin; all others come after them.
_FIRST = ("lab", "packages", "rpm", "fleet", "salt", "docs")


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow folders first."""
    items.sort(key=lambda item: _FIRST.index(_folder(item)) if _folder(item) in _FIRST else len(_FIRST))


@pytest.fixture(scope="session")
def lab_wheels() -> None:
    """The toolkit's wheel on the file server, as `make wheels` puts it there, built from the present source; once a run."""
    CACHE.mkdir(exist_ok=True)
    this_run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"pid {os.getpid()}")
    with (CACHE / "wheels.run").open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        if note.read() != this_run:
            _build_wheels()
            note.truncate(0)
            note.write(this_run)


def _build_wheels() -> None:
    done = run([sys.executable, str(CHECKOUT / "tools" / "build_wheels.py")], timeout_s=300, directory=str(CHECKOUT))
    assert done.exit_code == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def lab_image() -> Image:
    """The disk of a Debian 12 host with two kernels, GRUB, Salt, and archives to patch from."""
    return build(CACHE, staged(CACHE), print)


@pytest.fixture(scope="module")
def lab_host(lab_image: Image, lab_wheels: None) -> Iterator[DisposableHost]:
    """A fresh booted host for one test module, with this checkout's salt/ and pillar/ at /srv/bootkeep, read-only."""
    binds = {"/srv/bootkeep/salt": CHECKOUT / "salt", "/srv/bootkeep/pillar": CHECKOUT / "pillar"}
    with disposable_host(lab_image, work=CACHE / "work", binds=binds) as host:
        yield host

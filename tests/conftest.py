"""What all tests share: the disposable Debian 12 host, built once and cached, booted once a session and never twice at a time."""

from __future__ import annotations

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

# A busy machine must not fail a property: how long an example takes is bench/'s business.
settings.register_profile("bootkeep", deadline=None)
settings.load_profile("bootkeep")


@pytest.fixture(scope="session")
def lab_wheels() -> None:
    """The toolkit's wheel on the file server, as `make wheels` puts it there, built from the present source."""
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

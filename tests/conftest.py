"""What all tests share: the disposable Debian 12 host, built once and cached, booted once a session and never twice at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import Image, build
from bootkeep.lab.salt_python import staged

CHECKOUT = Path(__file__).parents[1]
CACHE = CHECKOUT / ".cache"


@pytest.fixture(scope="session")
def lab_image() -> Image:
    """The disk of a Debian 12 host with two kernels, GRUB, Salt, and archives to patch from."""
    return build(CACHE, staged(CACHE), print)


@pytest.fixture(scope="module")
def lab_host(lab_image: Image) -> Iterator[DisposableHost]:
    """A fresh booted host for one test module, with this checkout's salt/ and pillar/ at /srv/bootkeep, read-only."""
    binds = {"/srv/bootkeep/salt": CHECKOUT / "salt", "/srv/bootkeep/pillar": CHECKOUT / "pillar"}
    with disposable_host(lab_image, work=CACHE / "work", binds=binds) as host:
        yield host

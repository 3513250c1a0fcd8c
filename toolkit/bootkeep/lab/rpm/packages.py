"""The packages of a disposable RPM host, built by rpmbuild in its own root from the spec files in ``specs/``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from bootkeep import __version__
from bootkeep.lab.chroot import checked, in_chroot

SPECS = Path(__file__).parent / "specs"
FILES = Path(__file__).parent / "files"
#: Where it is built inside the root; removed afterwards.
_PLACE = "/srv/build"
#: No stripping, no compiling of byte code, a payload that is quick to write: these packages live for minutes.
_QUICK = {"__os_install_post": "%{nil}", "debug_package": "%{nil}", "_binary_payload": "w1.gzdio"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run of rpmbuild."""

    spec: Path  # its file
    macros: Mapping[str, str] = field(default_factory=dict)
    payload: Path = FILES  # a folder that the spec finds as %{payload}


def spec(name: str) -> Path:
    """One of the lab's own spec files."""
    return SPECS / f"{name}.spec"


def hooks(version: str = __version__) -> Recipe:
    """The package ``bootkeep-hooks``, as ``make rpms`` builds it. rpm allows no ``-`` in a version, and reads ``~`` as "before"."""
    folder = Path(str(resources.files("bootkeep.hooks").joinpath("rpm")))
    macros = {"toolkit_version": version.replace("-", "~").replace("+", ".")}
    return Recipe(folder / "bootkeep-hooks.spec", macros, folder)


def build(root: Path, recipe: Recipe, target: Path) -> tuple[Path, ...]:
    """Build one recipe inside ``root``; the packages are moved to ``target``."""
    place = root / _PLACE[1:]
    shutil.rmtree(place, ignore_errors=True)
    (place / "SPECS").mkdir(parents=True)
    try:
        shutil.copy(recipe.spec, place / "SPECS")
        shutil.copytree(recipe.payload, place / "payload", symlinks=True)
        macros = {**_QUICK, **recipe.macros, "_topdir": _PLACE, "payload": f"{_PLACE}/payload"}
        defines = [word for name, value in macros.items() if value for word in ("--define", f"{name} {value}")]
        argv = ["rpmbuild", "-bb", "--quiet", "--nodeps", *defines, f"{_PLACE}/SPECS/{recipe.spec.name}"]
        checked(in_chroot(root, argv, timeout_s=300), f"building {recipe.spec.name}")
        target.mkdir(parents=True, exist_ok=True)
        built = sorted((place / "RPMS").glob("*/*.rpm"))
        return tuple(Path(shutil.move(path, target / path.name)) for path in built)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def kernel(
    payload: Path,
    *,
    suse: bool = False,
    flavour: str = "",
    single: bool = False,
    installonly: bool = True,
    version: str = "",
    release: str = "",
    dist: str = "",
) -> Recipe:
    """A kernel package around a real kernel. Version and release follow what it calls itself: 6.1.0-55-cloud-amd64 is 6.1.0-55."""
    number, build_number = payload.name.split("-")[:2]
    macros = {
        "flavour": flavour or ("kernel-default" if suse else "kernel"),
        "kernel_version": version or number,
        "kernel_release": release or build_number,
        "uname": payload.name,
        "uname_evr": payload.name.replace("-", "\0", 1).replace("-", ".").replace("\0", "-"),
        "installonly": "1" if installonly else "0",
        "single": "1" if single else "0",
        "dist": dist,
    }
    return Recipe(spec("kernel-default" if suse else "kernel"), macros, payload)

"""Which of GRUB's tools this host has, and where its menu is written to: Debian's grub, or grub2 of the rpm families.

On an EL 9 (or newer) UEFI host the file on the ESP is a stub of three lines that leads to /boot/grub2/grub.cfg. Written over with a
menu, no kernel update would ever reach it again (rhboot/grub2#183). It is never a target here, whatever a link says.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.facts.errors import BootkeepError
from bootkeep.probes.bootloaders.places import IS_MENU, has_esp_line

_ON_ESP = Path("etc/grub2-efi.cfg")


@dataclass(frozen=True, slots=True)
class GrubTools:
    """Names and places."""

    grub: str  # how the tools' names begin
    folder: Path
    menu: Path

    @property
    def environment(self) -> Path:
        """grubenv."""
        return self.folder / "grubenv"

    @property
    def mkconfig(self) -> tuple[str, ...]:
        """What makes the menu again."""
        return ("update-grub",) if self.grub == "grub" else ("grub2-mkconfig", "-o", str(self.menu))

    @property
    def check(self) -> tuple[str, ...]:
        """Reads the menu and says nothing when it is well formed."""
        return (f"{self.grub}-script-check", str(self.menu))

    def editenv(self, *words: str) -> tuple[str, ...]:
        """grub-editenv on this host's block."""
        return (f"{self.grub}-editenv", str(self.environment), *words)


def grub_tools(root: Path = Path("/")) -> GrubTools:
    """This host's. /boot/grub2 decides: Debian has none, and where both names are there one is a link."""
    folder = root / "boot/grub2"
    if not folder.is_dir():
        return GrubTools("grub", root / "boot/grub", root / "boot/grub/grub.cfg")
    menu = folder / "grub.cfg"
    link = root / _ON_ESP
    # EL 8 on UEFI: the menu itself is on the ESP. One in /boot/grub2 is a stray then, which no loader reads.
    if link.exists() and (not menu.exists() or _is_the_menu(root, link, menu)):
        menu = link.resolve()
    return GrubTools("grub2", folder, menu)


def _is_the_menu(root: Path, link: Path, other: Path) -> bool:
    uefi = (root / "sys/firmware/efi").is_dir()
    if not (root / "sys/firmware").is_dir():  # a mounted root has no /sys of its own
        fstab = root / "etc/fstab"
        uefi = fstab.is_file() and has_esp_line(fstab.read_text("utf-8", "surrogateescape"))
    if not uefi or link.samefile(other):
        return False
    return bool(IS_MENU.search(link.read_text("utf-8", "surrogateescape")))


def checked(argv: tuple[str, ...], *, timeout_s: float = 60) -> None:
    """Run one of them; raises BootkeepError with its own words."""
    done = run(argv, timeout_s=timeout_s)
    if done.exit_code != 0:
        why = "no end before the deadline" if done.timed_out else (done.stderr or done.stdout).strip()[-500:]
        raise BootkeepError(
            f"{' '.join(argv)} failed: {why or f'exit code {done.exit_code}'}",
            where=str(grub_tools().folder),
            next_step="The loader's configuration from before is below /var/lib/bootkeep/loader.",
        )

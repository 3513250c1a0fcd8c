"""Steps for the EFI system partition: install the loader again, on the mounted one and then on its copies."""

from __future__ import annotations

from bootkeep.facts.remedy import Step
from bootkeep.facts.typed import shell_word
from bootkeep.remedies.common import NO_UNDO, SAVED
from bootkeep.remedies.plain_steps import write


def reinstall(target: str) -> tuple[Step, ...]:
    """Keep what is there, then let the package write its loader, signed where the signed packages are installed."""
    place = shell_word(target)
    return (
        write(
            "Keep a copy of all loaders. The EFI system partition has to be mounted.",
            f"install -d -m 0700 {SAVED}/esp",
            f"cp -a {place}/EFI {SAVED}/esp/",
            expect="no error",
            undo=(f"rm -r {SAVED}/esp",),
            on_fail="boot-not-mounted",
        ),
        write(
            "Install the loader, in its own folder and as the fallback.",
            f"grub-install --target=x86_64-efi --efi-directory={place}",
            f"grub-install --target=x86_64-efi --efi-directory={place} --removable --no-nvram",
            expect="twice: Installation finished. No error reported.",
            undo=(f"cp -a {SAVED}/esp/EFI {place}/", NO_UNDO),
            minutes=2,
        ),
    )

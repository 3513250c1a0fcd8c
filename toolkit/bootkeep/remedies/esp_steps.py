"""Steps for the EFI system partition: install the loader again, on the mounted one and then on its copies."""

from __future__ import annotations

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.typed import shell_word
from bootkeep.remedies.common import NO_UNDO, SAVED, commands
from bootkeep.remedies.plain_steps import write


def loader_packages(place: Place, target: str) -> Step:
    """EL on UEFI: the packages bring the signed loader and the stub. grub2-install would put an unsigned one in their place."""
    return Step(
        place,
        "Let the packages put their signed loader and the stub back. Never grub2-install here: its loader is not signed.",
        commands(
            "dnf reinstall shim-x64 grub2-efi-x64 grub2-common",
            f"ls -l {shell_word(target)}/EFI/*/*64.efi",
        ),
        expect="Reinstalled: lines, then shimx64.efi and grubx64.efi, neither of size 0",
        on_fail="No network: rpm -Uvh --replacepkgs the shim and grub2-efi packages in hand; else CALL",
        undo=(NO_UNDO,),
        writes=True,
        minutes=3,
    )


def shim_installed(place: Place, target: str) -> Step:
    """SUSE on UEFI: its own tool installs shim, GRUB and the firmware's entry."""
    return Step(
        place,
        "Let SUSE's own tool put shim and GRUB back, by what /etc/sysconfig/bootloader says.",
        commands("update-bootloader --reinit", f"ls -l {shell_word(target)}/EFI/*/*.efi"),
        expect="no error, then shim.efi and grub.efi, neither of size 0",
        on_fail="shim-install --config-file=/boot/grub2/grub.cfg; else CALL",
        undo=(NO_UNDO,),
        writes=True,
        minutes=3,
    )


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

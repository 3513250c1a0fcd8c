"""B18: /boot or the ESP was not mounted while packages wrote to it. Mount it and write there again."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import shell_word, valid_path
from bootkeep.remedies.common import (
    NO_UNDO,
    both,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    not_covered,
    rebuild_menu,
    release_of,
    wanted_package,
)
from bootkeep.remedies.esp_steps import loader_packages, shim_installed
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "boot-not-mounted"
TITLE = "Mount what belongs below /boot, and install there again"


def boot_not_mounted(state: BootState, subject: str = "") -> Remedy:
    """The right file system under /boot, with the files that had gone into the directory below it."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    target = subject if valid_path(subject) and subject.startswith(("/boot", "/efi")) else "/boot"
    volume = layout_of(state).at(target)
    source = f"UUID={volume.uuid} {shell_word(target)}" if volume is not None and volume.uuid else shell_word(target)
    steps = [
        Step(
            Place.LIVE,
            f"What lies in the directory {target} now was written past its file system. Write down what it holds.",
            commands(f"findmnt {shell_word(target)} || ls -lA {shell_word(target)}"),
            expect="no line of findmnt, then the files that will be hidden",
            on_fail="findmnt prints a line: it is mounted, go on with the third step",
        ),
        Step(
            Place.LIVE,
            "Mount it.",
            commands(f"mountpoint -q {shell_word(target)} || mount {source}", f"findmnt {shell_word(target)}"),
            expect=f"one line that begins with {target}",
            on_fail="Card fstab-device-missing",
            undo=commands(f"umount {shell_word(target)}"),
            writes=True,
        ),
    ]
    tools = tools_of(state)
    release = release_of(state, "")
    if target.startswith("/boot") and "efi" not in target and release:
        steps += [
            Step(
                Place.LIVE,
                "Install the newest kernel again, so that its files land on the file system.",
                commands(f"{tools.reinstall} {wanted_package(state, release)}", f"ls -l /boot/vmlinuz-{release}"),
                expect=f"one line that ends in vmlinuz-{release}",
                on_fail=f"Without a network: {tools.kernel_from_file} its .{tools.suffix} below {tools.packages}",
                undo=(NO_UNDO,),
                writes=True,
                minutes=5,
            ),
            build_initramfs(state, Place.LIVE, release, exists=False),
            check_initramfs(state, Place.LIVE, release),
        ]
    elif "efi" in target and tools.family == "redhat":
        steps.append(loader_packages(Place.LIVE, target))
    elif "efi" in target and tools.family == "suse":
        steps.append(shim_installed(Place.LIVE, target))
    elif "efi" in target:
        steps.append(
            Step(
                Place.LIVE,
                "Install the boot loader into the EFI system partition again, and as the fallback loader.",
                commands(
                    f"grub-install --target=x86_64-efi --efi-directory={shell_word(target)} --no-nvram",
                    f"grub-install --target=x86_64-efi --efi-directory={shell_word(target)} --removable --no-nvram",
                ),
                expect="twice: Installation finished. No error reported.",
                on_fail="CALL",
                undo=(NO_UNDO,),
                writes=True,
                minutes=2,
            )
        )
    return both(ID, TITLE, [*steps, *rebuild_menu(state, Place.LIVE)])

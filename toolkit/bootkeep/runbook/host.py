"""What the paper says about one host, picked out of the BootState once: names, volumes, kernels to choose from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bootkeep.facts.boot_entry import BootEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Verdict
from bootkeep.facts.kernel import Kernel
from bootkeep.facts.paper import PAPER_NOT_TAKEN, PaperFacts
from bootkeep.facts.policy import Policy
from bootkeep.facts.typed import plain, shell_word, valid_path
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.assembly import mapper_name
from bootkeep.remedies.common import bootable, family_of, has_initramfs, kernels_of
from bootkeep.remedies.layout import Layout, Volume, layout_of
from bootkeep.remedies.toolset import Toolset, tools_of

#: What of the command line a kernel needs to find its root file system, and to show itself on the console.
_NEEDED_ARGUMENTS = re.compile(
    r"(?:root|rootflags|rootfstype|rootdelay|rootwait|resume|cryptdevice|console|ip|nfsroot|boot|zfs|md|rd\.[a-z._]+)(?:=|$)"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One kernel that somebody at the console can start."""

    release: str
    kernel_path: str  # on the host, e.g. /boot/vmlinuz-6.1.0-55-amd64
    initramfs_path: str  # empty when there is none
    title: str  # of its menu entry, as seen on the screen; empty when it has none
    submenu: str  # where the entry is; empty for the first page of the menu
    arguments: str  # kernel command line of its entry
    whole: bool  # image, initramfs and modules were all there
    preserved: bool
    why: str  # last-good, running, newest, ...


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Everything that the sections need, computed once."""

    state: BootState
    verdict: Verdict
    policy: Policy
    generated_at: str
    layout: Layout
    choices: tuple[Choice, ...]  # what to try first comes first
    paper: PaperFacts = PAPER_NOT_TAKEN

    @property
    def hostname(self) -> str:
        """The host's name in ASCII."""
        return plain(self.state.identity.hostname) or "(no name)"

    @property
    def family(self) -> str:
        """debian, redhat, suse, other or unknown."""
        return family_of(self.state)

    @property
    def tools(self) -> Toolset:
        """The family's words."""
        return tools_of(self.state)

    @property
    def firmware(self) -> str:
        """bios, uefi, or empty when it could not be read."""
        firmware = self.state.firmware
        return "" if isinstance(firmware, (Absent, Unknown)) else firmware.mode

    @property
    def secure_boot(self) -> str:
        """on, off, or not known."""
        firmware = self.state.firmware
        if isinstance(firmware, (Absent, Unknown)) or not isinstance(firmware.secure_boot, bool):
            return "NOT KNOWN"
        return "on" if firmware.secure_boot else "off"

    @property
    def root_locked(self) -> bool:
        """Whether emergency mode gives no shell. Not known counts as locked: the route works for both."""
        return self.state.root_locked is not False

    @property
    def good(self) -> Choice | None:
        """The kernel to go back to: the first one that is whole."""
        return next((choice for choice in self.choices if choice.whole), None)

    @property
    def covered(self) -> bool:
        """Whether the rescue path knows this host's storage."""
        return self.layout.covered


def facts_of(
    state: BootState, verdict: Verdict, policy: Policy, generated_at: str, paper: PaperFacts = PAPER_NOT_TAKEN
) -> HostFacts:
    """Pick the facts out of a BootState."""
    layout = layout_of(state)
    layout = replace(layout, not_covered=(*layout.not_covered, *_loader_not_covered(state)))
    return HostFacts(state, verdict, policy, generated_at, layout, choices_of(state), paper)


def _loader_not_covered(state: BootState) -> tuple[str, ...]:
    """Boot loaders that sections P, G and H and the cards have no words for."""
    others = [plain(name) for name in state.loaders.present if name != "GRUB"]
    if not others:
        return ()
    beside = " beside GRUB" if "GRUB" in state.loaders.present else ""
    return (f"This host has {', '.join(others)}{beside}: sections P, G, H and the cards know GRUB only.",)


def choices_of(state: BootState) -> tuple[Choice, ...]:
    """Kernels in the order in which to try them: last-good and its preserved copy, running, others, the newest last."""
    good = "" if isinstance(state.last_good, (Absent, Unknown)) else state.last_good.release
    digest = "" if isinstance(state.last_good, (Absent, Unknown)) else state.last_good.image_sha256
    running = state.running_release if isinstance(state.running_release, str) else ""
    newest = state.newest_release if isinstance(state.newest_release, str) else ""
    ranked: list[tuple[tuple[int, ...], Choice]] = []
    for position, kernel in enumerate(kernels_of(state)):
        is_good = kernel.release == good and (not digest or kernel.image.sha256 == digest)
        why = [word for word, is_it in (("last-good", is_good), ("running", kernel.release == running)) if is_it]
        why += ["newest"] if kernel.release == newest else []
        why += ["preserved copy"] if kernel.preserved else []
        choice = _choice(state, kernel, ", ".join(why) or "older")
        rank = (not is_good, kernel.preserved, kernel.release != running, kernel.release == newest, position)
        ranked.append((tuple(int(part) for part in (not choice.whole, *rank)), choice))
    return tuple(choice for _, choice in sorted(ranked, key=lambda pair: pair[0]))


def _choice(state: BootState, kernel: Kernel, why: str) -> Choice:
    entry = _entry_of(state, kernel.image.path)
    image = "" if isinstance(kernel.initramfs, (Absent, Unknown)) else kernel.initramfs.file.path
    arguments = entry.arguments if entry is not None else ""
    if not arguments and isinstance(state.running_arguments, str):
        arguments = state.running_arguments
    return Choice(
        release=kernel.release,
        kernel_path=kernel.image.path,
        initramfs_path=image if valid_path(image) else "",
        title=plain(entry.title) if entry is not None else "",
        submenu=_submenu(entry) if entry is not None else "",
        arguments=plain(arguments),
        whole=bootable(kernel) if not kernel.preserved else has_initramfs(kernel),
        preserved=kernel.preserved,
        why=why,
    )


def _entry_of(state: BootState, image: str) -> BootEntry | None:
    """The entry with the most telling title: the one below "Advanced options" names its kernel, the first one does not."""
    entries = () if isinstance(state.grub, (Absent, Unknown)) else state.grub.entries
    fitting = [e for e in entries if e.kernel_path == image and "recovery" not in f"{e.id} {e.title}".lower()]
    return next((e for e in fitting if e.parents), next(iter(fitting), None))


def _submenu(entry: BootEntry) -> str:
    if not entry.parents:
        return ""
    outer = entry.parents[-1]
    # 10_linux gives the submenu an id; what stands on the screen is its title, which always begins with these words.
    return "Advanced options for ..." if outer.startswith("gnulinux-advanced-") else plain(outer)


def minimal_arguments(choice: Choice) -> tuple[str, ...]:
    """What has to be typed after the kernel's path when root= is set apart: rootflags, console and the like."""
    kept: list[str] = []
    for word in choice.arguments.split(" "):
        if (
            _NEEDED_ARGUMENTS.match(word)
            and not word.startswith(("root=", "boot=", "ip=", "resume="))
            and word not in kept
        ):
            kept.append(word)
    if choice.preserved:
        kept += [w for w in choice.arguments.split(" ") if w.startswith("bootkeep.preserved=") and w not in kept]
    return tuple(word for word in kept if re.fullmatch(r"[A-Za-z0-9_.,:=/@+-]+", word))


def root_argument(facts: HostFacts, choice: Choice) -> str:
    """The value of root= to type: by UUID, LVM by its name as grub-mkconfig does, else as the menu has it; empty: not known."""
    root = facts.layout.root
    if root is not None and root.uuid and root.device is not None and root.device.kind == "lvm":
        return f"/dev/mapper/{mapper_name(root.device)}"
    if root is not None and root.uuid and facts.layout.covered:
        return f"UUID={root.uuid}"
    for word in choice.arguments.split(" "):
        value = word.removeprefix("root=")
        if word.startswith("root=") and re.fullmatch(r"[A-Za-z0-9_.:=/+-]+", value):
            return value
    return f"UUID={root.uuid}" if root is not None and root.uuid else ""


def mount_words(volume: Volume) -> str:
    """``mount``'s options and source for a volume. btrfs always says which subvolume: its default one may have been moved."""
    words = [*(["-o", mount_option(volume)] if mount_option(volume) else []), volume.source]
    return " ".join(words)


def mount_option(volume: Volume) -> str:
    """``subvol=...`` for btrfs, quoted where it must be; empty for others."""
    return shell_word(f"subvol=/{volume.subvolume}") if volume.file_system == "btrfs" else ""

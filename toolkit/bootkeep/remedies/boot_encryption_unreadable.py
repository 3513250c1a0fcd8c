"""B20: GRUB cannot open the key slots of the volume with /boot. A second slot with PBKDF2 is added."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.facts.typed import valid_path
from bootkeep.remedies.common import SAVED
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "boot-encryption-unreadable"
TITLE = "Give the encrypted /boot a key slot that GRUB can open"


def boot_encryption_unreadable(state: BootState, subject: str = "") -> Remedy:
    """GRUB cannot open the key slots of the volume with /boot. A second slot with PBKDF2 is added."""
    path = subject if valid_path(subject) else ""
    target = (f"V={path}",) if path else ("read -r -p 'Encrypted volume of /boot, /dev/...: ' V",)
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "The volume's slots now.",
            *target,
            'cryptsetup luksDump "$V" | grep -E "PBKDF|^ +[0-9]+: luks"',
            expect="PBKDF: argon2id (or argon2i) in every slot",
        ),
        write(
            "Keep the header, away from this machine too: with it a mistake can be taken back.",
            *target,
            f"install -d -m 0700 {SAVED}",
            f'cryptsetup luksHeaderBackup "$V" --header-backup-file {SAVED}/luks-header',
            f"ls -l {SAVED}/luks-header",
            expect="one line with the file",
            undo=(f"rm {SAVED}/luks-header",),
        ),
        write(
            "Add the passphrase once more, in a slot that GRUB can open. It asks for an existing one first.",
            *target,
            'cryptsetup luksAddKey --pbkdf pbkdf2 "$V"',
            'cryptsetup luksDump "$V" | grep PBKDF',
            expect="a line PBKDF: pbkdf2",
            undo=(*target, f'cryptsetup luksHeaderRestore "$V" --header-backup-file {SAVED}/luks-header'),
            minutes=3,
        ),
    )

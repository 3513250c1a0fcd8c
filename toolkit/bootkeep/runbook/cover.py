"""The first page: which machine, what it boots, whom to call; and what must never be typed."""

from __future__ import annotations

from bootkeep.facts.runbook import Box, Bullets, Item, Section, Table
from bootkeep.facts.typed import plain
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.remedies.toolset import RPM
from bootkeep.runbook.host import HostFacts
from bootkeep.runbook.medium import medium_line, medium_needs
from bootkeep.runbook.steps import STOP, section

#: What no step of this paper contains, and nobody types without the approver: each has destroyed data that was still there.
NEVER = (
    "mkfs",
    "wipefs",
    "mdadm --create",
    "mdadm --zero-superblock",
    "cryptsetup luksFormat",
    "cryptsetup reencrypt",
    "vgreduce --removemissing",
    "fsck -y",
    "xfs_repair -L",
    "btrfs check --repair",
    "zpool import -F",
    "rm /boot/*",
    "sgdisk --zap-all",
    "dd of=/dev/...",
    "reinstalling the system",
)

NOT_KNOWN = "NOT KNOWN"


def shown(value: Maybe[str]) -> str:
    """A fact for a table, its absence, or that it is not known."""
    if isinstance(value, Unknown):
        return NOT_KNOWN
    if isinstance(value, Absent):
        return "none"
    return plain(value) or "none"


def cover(facts: HostFacts) -> Section:
    """Identity, boot chain, people."""
    state, site = facts.state, facts.policy.site
    os_release = state.os_release
    system = NOT_KNOWN if isinstance(os_release, (Absent, Unknown)) else plain(os_release.pretty_name)
    identity = state.identity
    machine = " ".join(plain(part) for part in (identity.vendor, identity.product) if part) or NOT_KNOWN
    locked = NOT_KNOWN
    if isinstance(state.root_locked, bool):
        locked = "yes: emergency mode gives no shell" if state.root_locked else "no"
    good = facts.good
    rows = [
        ("System", system),
        ("Machine", machine),
        ("Serial number", plain(identity.serial) or NOT_KNOWN),
        ("Where it stands", plain(site.location) or "not in the policy"),
        ("Console", plain(site.console) or "not in the policy"),
        ("Firmware", firmware_line(facts)),
        ("Root file system", root_line(facts)),
        ("Boots by default", default_line(facts)),
        ("Last known good", f"{good.release} ({good.why})" if good else "NO KERNEL WAS WHOLE when this was written"),
        ("Root locked", locked),
        ("Backups", plain(site.backup) or "not in the policy"),
        ("Rescue medium", medium_line(facts)),
        ("It needs", "; ".join(medium_needs(facts))),
    ]
    items: list[Item] = [
        Table(("This host", ""), tuple(rows), (0, 1)),
        Table(("Call", "Name", "Phone", "Hours"), people_rows(facts), (0, 3, 3, 2)),
        Table(("After", "Then, whatever you are at", "Who decides"), ladder(facts), (0, 5, 3)),
    ]
    if facts.verdict.findings:
        found = tuple(f"{finding.boot_class} {plain(finding.summary)}" for finding in facts.verdict.findings[:5])
        items.append(Box(f"Verdict when this was written: {facts.verdict.judgement.value}", found))
    if facts.family in RPM:
        items.append(Box("NOT DRILLED on this distribution", (_NOT_DRILLED,)))
    if facts.layout.not_covered:
        items.append(Box("NOT COVERED by this paper", facts.layout.not_covered))
    return section("0", "Rescue runbook", items, (STOP,))


#: Honest on paper: what a machine has typed, and what none has.
_NOT_DRILLED = (
    "A program has typed sections H and R on Debian over a serial line, never on EL or SUSE: no image of those can be had where "
    "this is made. The commands are theirs, checked by bash and by GRUB's parser; look twice at what each step says you should see."
)


def people_rows(facts: HostFacts) -> tuple[tuple[str, ...], ...]:
    """Whom to call, in the order of the policy."""
    rows = tuple(
        (plain(person.role), plain(person.name), plain(person.phone or person.email), plain(person.hours))
        for person in facts.policy.people
    )
    return rows or (("primary", "", "", ""), ("backup", "", "", ""))


def ladder(facts: HostFacts) -> tuple[tuple[str, ...], ...]:
    """Escalation with time boxes: nobody tries alone for hours."""

    def who(*roles: str) -> str:
        names = [plain(p.name) for role in roles for p in facts.policy.people if p.role == role]
        return ", ".join(dict.fromkeys(names)) or "________________"

    return (
        ("0 min", "START HERE: section S, the log sheet (N), then section W: what do you see?", "you"),
        ("15 min", "call the primary and say the step's number; section R begins", who("primary")),
        ("45 min", "call the backup person; two people from here on", who("backup", "secondary")),
        ("75 min", "call the vendor, where there is a contract", who("vendor")),
        ("90 min", "restore, or go on? What is NEVER done without the approver", who("approver", "owner", "manager")),
    )


def firmware_line(facts: HostFacts) -> str:
    """BIOS or UEFI, and Secure Boot where there is such a thing."""
    if facts.firmware == "bios":
        return "BIOS (legacy boot)"
    return f"{facts.firmware.upper() or NOT_KNOWN}, Secure Boot {facts.secure_boot}"


def root_line(facts: HostFacts) -> str:
    """The chain from the file system down to the disk, in one line."""
    root = facts.layout.root
    if root is None or not root.uuid:
        return NOT_KNOWN
    chain = " on ".join([root.file_system or "?", *reversed(root.stack)])
    return f"{chain}, UUID {root.uuid}"


def default_line(facts: HostFacts) -> str:
    """The title of the default entry, or why there is none."""
    chosen = facts.state.default_entry
    if isinstance(chosen, (Absent, Unknown)):
        return NOT_KNOWN
    if isinstance(chosen.entry, (Absent, Unknown)):
        return f"NOTHING: '{plain(chosen.wanted)}' matches no entry"
    release = chosen.entry.kernel_path.rpartition("/")[2]
    return f"{plain(release)} (chosen by {plain(chosen.chosen_by)})"


def stop_rules(facts: HostFacts) -> Section:
    """What to do before anything is typed."""
    first = Bullets(
        (
            "Photograph the screen. Write down the time and the last lines you see (log sheet, last page). Then go to W.",
            "Virtual machine or SAN disk? Take a snapshot before the first command of section R.",
            "Cheapest first: previous kernel (2 min), edit the entry once (3), type the boot lines (10), rescue medium "
            "(30 to 60), restore (hours).",
            "Every section has a time box. When it is over: call, and say the step's number.",
            "If what you see is not what the step says, go where 'IF NOT' says. Do not improvise. Sent back to a section that "
            "you have worked through? Go to R instead; from R on: CALL.",
            "Type what stands in the indented lines, exactly. A line that ends in \\ goes on in the next one. "
            "The word on the step's first line says where you are: GRUB, RESCUE, IN TARGET ... "
            "The same text is wrong elsewhere.",
        )
    )
    never = Box("NEVER without the approver, whatever a search engine says", (", ".join(NEVER),))
    return section(STOP, "Stop. Read this first.", (first, never), ("W",), new_page=False)

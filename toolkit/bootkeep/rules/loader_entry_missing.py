"""B10: the menu's entries are files (/boot/loader/entries), and one is missing, malformed, or another machine's.

GRUB skips an entry without ``linux``, finds no file by a path without a slash, and sorts by file names, so that the higher machine
id wins over the newer kernel (cloned images: the old kernel for ever). AT_RISK where a kernel cannot be chosen, or where an older
kernel than the newest stands first and nothing is saved as default; ADVICE for names of another machine id that decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_entry import Bls, DefaultEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.common import default_kernel, entries_of, installed_kernels, state_path
from bootkeep.rules.rule import Rule

RULE = Rule("loader-entry-missing", "B10")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the entries' files with the kernels that are here."""
    if isinstance(state.grub, (Absent, Unknown)):
        return  # said by grub-config-stale
    bls = state.grub.bls
    if isinstance(bls, Unknown):
        yield RULE.unknown("the entries of the boot menu", bls.why)
    if not isinstance(bls, Bls):
        return
    listing = ("/boot/loader/entries", "\n".join(bls.files) or "no entry")
    named = {state_path(state, entry.kernel_path) for entry in entries_of(state)}
    for kernel in installed_kernels(state):
        if kernel.image.path not in named:
            yield RULE.finding(
                Severity.AT_RISK,
                f"No boot entry loads the installed kernel {kernel.release}: it cannot be chosen in the menu.",
                listing,
                ("/boot", kernel.image.path),
                subject=kernel.release,
            )
    for problem in bls.problems:
        if not problem.foreign:
            yield RULE.finding(
                Severity.AT_RISK,
                f"The boot entry {problem.path} is malformed: {problem.what}.",
                (problem.path, problem.what),
                subject=problem.path,
            )
    yield from _foreign(state, bls, listing)


def _foreign(state: BootState, bls: Bls, listing: tuple[str, str]) -> Iterable[Finding]:
    foreign = [problem for problem in bls.problems if problem.foreign]
    if not foreign:
        return
    chosen = state.default_entry.chosen_by if isinstance(state.default_entry, DefaultEntry) else ""
    default = default_kernel(state)
    stuck = chosen == "first entry" and default is not None and default.release != state.newest_release
    yield RULE.finding(
        Severity.AT_RISK if stuck else Severity.ADVICE,
        f"{len(foreign)} boot entries carry another machine id than /etc/machine-id: entries are sorted by it before the version"
        + (
            f", so {default.release} starts although {state.newest_release} is newer."
            if stuck and default is not None
            else ", so a newer kernel may not become the first one."
        ),
        listing,
        (foreign[0].path, foreign[0].what),
        subject=foreign[0].path,
    )

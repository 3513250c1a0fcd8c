"""``bootkeep check``: may this machine be rebooted?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from bootkeep.cli.common import EXIT_OF_JUDGEMENT, JsonOption, console, errors_become_exits, print_json
from bootkeep.edges.config import load_policy
from bootkeep.edges.host import LiveHost
from bootkeep.facts.codec import to_plain
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Finding, Judgement, Severity
from bootkeep.facts.policy import Policy
from bootkeep.flows.before_reboot import check_before_reboot
from bootkeep.flows.check import CheckResult
from bootkeep.flows.check import check as look_and_judge
from bootkeep.flows.pages import explained
from bootkeep.remedies import remedy_for

_COLOURS = {Judgement.GO: "bold green", Judgement.NO_GO: "bold red", Judgement.UNKNOWN: "bold yellow"}
_SEVERITY_COLOURS = {
    Severity.WILL_NOT_BOOT: "bold red",
    Severity.AT_RISK: "red",
    Severity.UNKNOWN: "yellow",
    Severity.ADVICE: "cyan",
}
#: Evidence is quoted to this many lines: a person needs the point, ``--json`` has it all.
_EVIDENCE_LINES = 6

RootOption = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="Judge the system mounted at DIR (rescue shell, image, chroot).")
]
BeforeRebootOption = Annotated[
    bool, typer.Option("--before-reboot", help="Flush /boot, and read back what the next boot reads as GRUB sees it.")
]
ExplainOption = Annotated[
    str,
    typer.Option("--explain", metavar="ID", help="Print the page about a finding (or a class, B16); look at nothing."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="check")(check)


@errors_become_exits
def check(
    root: RootOption = Path("/"),
    before_reboot: BeforeRebootOption = False,
    explain: ExplainOption = "",
    json: JsonOption = False,
) -> None:
    """Say whether this machine may be rebooted, and what to do first when it may not.

    Changes nothing. Run it as root: what it may not read is UNKNOWN. Exit codes: 0 GO, 1 NO-GO, 3 UNKNOWN.

    With --before-reboot it also writes /boot out to its device, and reads kernel, initramfs and menu back as GRUB sees them.
    """
    if explain:
        from rich.markdown import Markdown  # a tenth of the command's time, for this alone

        text = explained(explain)
        print_json({"id": explain, "page": text}) if json else console().print(Markdown(text))
        return
    if not root.is_dir():
        raise BootkeepError(
            f"{root} is not a directory", where="--root", next_step="Mount the system there first, /boot included."
        )
    host, policy = LiveHost(root.resolve()), load_policy(root)
    result = with_progress(host, policy) if before_reboot else look_and_judge(host, policy)
    if json:
        print_json(as_plain(result))
    else:
        show(result, console(), rooted=root.resolve() != Path("/"))
    raise typer.Exit(EXIT_OF_JUDGEMENT[result.verdict.judgement])


def with_progress(host: LiveHost, policy: Policy) -> CheckResult:
    """The check before a reboot, with what it is at on a terminal; a script's standard error stays empty."""
    if not sys.stderr.isatty():
        return check_before_reboot(host, policy)
    # One line, written over: no spinner, whose thread would be in the way of the children that read.
    try:
        return check_before_reboot(host, policy, say=lambda text: _over(printable(text)[:100] + " ..."))
    finally:
        _over("")


def _over(text: str) -> None:
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()


def as_plain(result: CheckResult) -> dict[str, object]:
    """The verdict as ``--json`` prints it: with the facts it stands on, without the raw readings."""
    return {
        "schema": 1,
        "taken_at": result.state.taken_at,
        "host": result.state.identity.hostname,
        "judgement": result.verdict.judgement.value,
        "sentence": result.verdict.sentence,
        "findings": [to_plain(finding) for finding in result.verdict.findings],
        "state": to_plain(result.state),
    }


def show(result: CheckResult, to: Console, *, rooted: bool) -> None:
    """The verdict for a person: the word, then each finding with its evidence and what to type."""
    verdict = result.verdict
    host = result.state.identity.hostname or "this machine"
    to.print(
        f"[{_COLOURS[verdict.judgement]}]{verdict.judgement.value}[/]  {escape(_meaning(verdict.judgement, host))}"
    )
    for number, finding in enumerate(verdict.findings, start=1):
        to.print()
        _show_finding(number, finding, to)
        _show_remedy(finding, result, to, rooted=rooted)
    if verdict.findings:
        to.print()
        to.print(f"More about a finding: bootkeep check --explain {verdict.findings[0].id}", style="dim")


def _meaning(judgement: Judgement, host: str) -> str:
    return {
        Judgement.GO: f"{host} may be rebooted: every check that stops a reboot passed.",
        Judgement.NO_GO: f"Do not reboot {host} yet.",
        Judgement.UNKNOWN: f"Not everything could be judged on {host}. This is not a GO.",
    }[judgement]


def _show_finding(number: int, finding: Finding, to: Console) -> None:
    colour = _SEVERITY_COLOURS[finding.severity]
    to.print(f"{number}. [{colour}]{finding.severity.value}[/] {escape(finding.summary)}")
    to.print(f"   {finding.id} ({finding.boot_class})", style="dim")
    for evidence in finding.evidence:
        lines = evidence.text.splitlines() or [""]
        more = len(lines) - _EVIDENCE_LINES
        to.print(f"   seen in {escape(evidence.source)}:", style="dim")
        for line in lines[:_EVIDENCE_LINES]:
            to.print(Text(f"     {printable(line)}"), soft_wrap=True)
        if more > 0:
            to.print(f"     ({more} more lines: --json)", style="dim")


def _show_remedy(finding: Finding, result: CheckResult, to: Console, *, rooted: bool) -> None:
    remedy = remedy_for(finding, result.state) if finding.severity is not Severity.UNKNOWN else None
    if remedy is None:
        return
    steps = remedy.rescue if rooted else remedy.live
    for step in steps:
        to.print(f"   [bold]{escape(step.place.value)}[/] {escape(step.say)}")
        for line in step.command:  # no markup: its escape doubles the backslash that ends a line
            to.print(Text(f"     {line}", style="green"), soft_wrap=True)


def printable(text: str) -> str:
    """Text from a machine without control characters and lone surrogates: a file name must not drive the terminal."""
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in clean)

"""``bootkeep fix``: apply the remedy of a finding, and take it back."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from bootkeep.cli.check import printable
from bootkeep.cli.common import ExitCode, JsonOption, console, errors_become_exits, print_json
from bootkeep.edges.config import load_policy
from bootkeep.facts.codec import to_plain
from bootkeep.facts.errors import Refused
from bootkeep.facts.finding import Severity
from bootkeep.facts.fix import FixRecord, FixState
from bootkeep.flows.fix import FIXES, fix, list_fixes, load_fix, look, undo_fix
from bootkeep.flows.fix_plan import FixPlan, findings_of, plan_fix
from bootkeep.flows.pages import page


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="fix")(fix_command)


@errors_become_exits
def fix_command(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Id of the finding, as bootkeep check prints it.")] = "",
    subject: Annotated[str, typer.Option("--subject", help="Only the finding about this (a path, a release).")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps and run nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    undo: Annotated[str, typer.Option("--undo", metavar="FIX", help="Take this fix back.")] = "",
    show: Annotated[bool, typer.Option("--list", help="List the fixes on record.")] = False,
    json: JsonOption = False,
) -> None:
    """Apply the remedy of a finding that is there now, step by step, then check that it is gone.

    Every step is logged in /var/lib/bootkeep/fixes/. What needs a person is refused and printed. Exit codes: 0 gone or not
    there, 1 still there, 4 refused.
    """
    to = console()
    if show:
        records = list_fixes()
        print_json([to_plain(each) for each in records]) if json else _list(records, to)
        return
    if undo:
        _ask(yes, f"Take {load_fix(undo).id} back?")
        record = undo_fix(undo, say=_say(to, quiet=json))
        print_json(to_plain(record)) if json else _show_undone(record, to)
        return
    if not identity:
        raise typer.BadParameter("give the id of a finding, --list, or --undo FIX")
    page(identity)  # an id that no finding has is an error, never "not there"
    policy = load_policy()
    result = look(policy, identity)
    if any(each.id == identity and each.severity is Severity.UNKNOWN for each in result.verdict.findings):
        to.print(f"{identity}: something about it could not be judged, see bootkeep check.", style="yellow")
    plan = plan_fix(result, identity, subject)
    if plan is None:
        print_json({"state": "not-there"}) if json else to.print(
            f"Nothing to do: {identity} is not found on this host."
        )
        return
    dead = [each for each in list_fixes() if each.state is FixState.INTERRUPTED and each.finding == identity]
    if dead and not json:
        to.print(f"An earlier fix of this was cut off: {escape(printable(dead[-1].reason))}", style="yellow")
    if not json:
        _show_plan(plan, to)
    if plan.refusal:
        raise Refused(plan.refusal, where=identity, next_step="Nothing was run. Do it by hand; the steps are above.")
    if dry_run:
        if json:
            print_json(
                {"state": "planned", "finding": to_plain(plan.finding), "steps": [each.script for each in plan.steps]}
            )
        return
    _ask(yes, f"Run these {len(plan.steps)} steps?")
    record = fix(policy, result, plan, say=_say(to, quiet=json))
    more = len(findings_of(result, identity)) - 1
    print_json(to_plain(record)) if json else _show_record(record, more, to)
    raise typer.Exit(ExitCode.OK if record.state is FixState.DONE else ExitCode.NO_GO)


def _ask(yes: bool, question: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            "nobody was asked", where="no terminal", next_step="Add --yes to run the steps without a question."
        )
    if not typer.confirm(question):
        raise Refused("not confirmed", where="terminal", next_step="Nothing was run.")


def _say(to: Console, *, quiet: bool) -> SayTo:
    return SayTo(None if quiet else to)


class SayTo:
    """Progress for a person; nothing where JSON is wanted."""

    def __init__(self, to: Console | None) -> None:
        self._to = to

    def __call__(self, text: str) -> None:
        if self._to is not None:
            self._to.print(escape(printable(text)))


def _show_plan(plan: FixPlan, to: Console) -> None:
    to.print(f"[bold]{escape(plan.title)}[/]: {escape(plan.finding.summary)}")
    for number, planned in enumerate(plan.steps, start=1):
        step = planned.step
        to.print(f"\n{number}. {escape(step.say)}" + (" [yellow](a person does this)[/]" if planned.person else ""))
        for line in planned.script.splitlines():  # no markup: its escape doubles the backslash that ends a line
            to.print(Text(f"     {line}", style="green"), soft_wrap=True)
        if step.expect:
            to.print(f"   see:  {escape(step.expect)}", style="dim")
        if step.writes:
            to.print(
                f"   undo: {escape(planned.undo.replace(chr(10), '; ') or 'no command takes this back')}", style="dim"
            )
    to.print()


def _show_record(record: FixRecord, more: int, to: Console) -> None:
    colour = "bold green" if record.state is FixState.DONE else "bold red"
    words = {
        FixState.DONE: f"{record.finding} is gone.",
        FixState.REMAINS: f"{record.finding} is still there after every step.",
        FixState.STOPPED: f"stopped: {record.reason}.",
    }
    to.print(f"\n[{colour}]{escape(words.get(record.state, record.state.value))}[/]")
    to.print(f"Now: {escape(record.verdict)}")
    to.print(f"Log: {FIXES}/{record.id}/    take it back: bootkeep fix --undo {record.id}", soft_wrap=True)
    if more > 0:
        to.print(f"There were {more} more findings of this id: run it again.")


def _show_undone(record: FixRecord, to: Console) -> None:
    to.print(f"{record.id} was taken back.")
    for note in record.undo_notes:
        to.print(f"  {escape(printable(note))}", soft_wrap=True)
    to.print("Look again: bootkeep check")


def _list(records: tuple[FixRecord, ...], to: Console) -> None:
    for record in records:
        to.print(f"{record.id}  {record.state.value}  {escape(record.subject)}", soft_wrap=True)
        if record.state is FixState.INTERRUPTED:
            to.print(f"    {escape(printable(record.reason))}", style="yellow", soft_wrap=True)
    if not records:
        to.print("No fix was ever applied on this host.")

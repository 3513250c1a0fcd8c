"""``bootkeep fleet tell``: messages about the fleet, by the rules of the policy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bootkeep.cli.common import ExitCode, JsonOption, console, errors_become_exits, print_json, shown
from bootkeep.cli.fleet_pages import StoreOption
from bootkeep.edges.messages_config import MESSAGES_PATH, load_messages
from bootkeep.facts.codec import to_plain
from bootkeep.facts.errors import BootkeepError

PolicyOption = Annotated[Path, typer.Option("--policy", metavar="FILE", help="Rules and destinations.")]
OutboxOption = Annotated[
    Path | None,
    typer.Option("--outbox", metavar="FILE", help="The outbox; /var/lib/bootkeep-fleet/outbox.sqlite when not given."),
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be said to whom; send nothing.")]
ListOption = Annotated[bool, typer.Option("--list", help="List the newest messages and what became of them.")]
TryOption = Annotated[str, typer.Option("--try", metavar="NAME", help="Send a test message to this destination now.")]


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command(name="tell")(tell)


@errors_become_exits
def tell(
    store: StoreOption = "",
    policy: PolicyOption = MESSAGES_PATH,
    outbox: OutboxOption = None,
    dry_run: DryOption = False,
    show: ListOption = False,
    attempt: TryOption = "",
    json: JsonOption = False,
) -> None:
    """Tell the people whom the rules name: NO-GO, security weakened, a missed hook, an overdue runbook; everybody once.

    Run it from a timer, or let the reactor. What could not be sent stays in the outbox and is tried again. Exit codes: 0 all
    is sent, 1 something waits for a server that did not take it.
    """
    from bootkeep.fleet.outbox import Outbox
    from bootkeep.fleet.verbs import OUTBOX, messages_due, tell_of_fleet

    if policy != MESSAGES_PATH and not policy.is_file():
        raise BootkeepError(
            "there is no such file", where=str(policy), next_step="Name the file with the rules: --policy."
        )
    if attempt:
        _try(attempt, policy)
        return
    if show:
        lines = Outbox(outbox or OUTBOX).lines()
        if json:
            print_json([to_plain(line) for line in lines])
            return
        for line in lines:
            at = datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%d %H:%M")
            why = f" ({line.why}; tried {line.tries} times)" if line.why else ""
            console().print(f"{at}  {line.state:<6}  {shown(line.target)}: {shown(line.what + why)}", soft_wrap=True)
        return
    if dry_run:
        due = messages_due(dsn=store, policy_file=policy)
        if json:
            print_json([{"to": to, **to_plain(message)} for to, message in due])
            return
        for to, message in due:
            console().print(
                f"To: {shown(to)}\nSubject: {shown(message.subject)}\n\n{escape(message.text)}", soft_wrap=True
            )
        return
    done = tell_of_fleet(dsn=store, policy_file=policy, outbox=outbox or OUTBOX)
    if json:
        print_json(to_plain(done))
    else:
        console().print(
            f"{done.noted} new notices, {done.sent} messages sent, {done.failed} not taken, {done.waiting} waiting"
        )
        if done.failed:
            console().print("What was not taken, and why: bootkeep fleet tell --list")
    raise typer.Exit(ExitCode.NO_GO if done.failed else ExitCode.OK)


def _try(name: str, policy_file: Path) -> None:
    from bootkeep.edges.clock import now_utc
    from bootkeep.edges.senders import send
    from bootkeep.facts.notice import Message

    policy = load_messages(policy_file)
    found = next((one for one in policy.destinations if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in policy.destinations) or "none"
        raise BootkeepError(
            f"there is no destination {name!r}", where=str(policy_file), next_step=f"There are: {names}."
        )
    now = now_utc()
    text = "This is a test: bootkeep can reach you.\n"
    message = Message(f"test-{now}", "bootkeep: a test message", text, "test", ())
    answer = send(found, message)
    if answer is not None:
        raise BootkeepError(
            f"{name} did not take it: {answer.why}", where=found.address, next_step="Mend it and try again."
        )
    console().print(f"{escape(name)} has taken a test message.")

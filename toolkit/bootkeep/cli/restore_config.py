"""``bootkeep restore-config``: put back configuration files that a transaction replaced or deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bootkeep.cli.common import ExitCode, JsonOption, console, errors_become_exits, print_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.flows.report import resolve, store_at
from bootkeep.flows.restore_config import RestoreItem, RestoreState, plan_restore, restore

TransactionArgument = Annotated[
    str, typer.Argument(metavar="TXN|last", help="A transaction's id, its beginning or end, or 'last'.")
]
PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH]...", help="Files to put back; all that the transaction changed when none is named."),
]
ApplyOption = Annotated[bool, typer.Option("--apply", help="Do it. Without this only a preview is shown.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done: the default.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Also put back files that were changed since the transaction.")
]
StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Use the store at DIR.")]
RootOption = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="Work on the system mounted at DIR, with its own store.")
]

_STYLES = {
    RestoreState.READY: "green",
    RestoreState.SAME: "dim",
    RestoreState.CHANGED_SINCE: "bold yellow",
    RestoreState.NOT_KEPT: "yellow",
    RestoreState.BLOCKED: "bold red",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="restore-config")(restore_config)


@errors_become_exits
def restore_config(
    transaction: TransactionArgument,
    paths: PathsArgument = None,
    apply: ApplyOption = False,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    store: StoreOption = None,
    root: RootOption = Path("/"),
    json: JsonOption = False,
) -> None:
    """Put back configuration files as they were before a transaction, with rights, owner, ACLs and attributes.

    Shows the differences, without secrets, and changes nothing until --apply is given. Each file comes back whole or not at all;
    what it replaces stays beside it as FILE.bootkeep-old. Refuses files that somebody changed after the transaction, unless
    --force is given. A file with a secret in it comes back whole, from its sealed copy. Keys and password files are never
    copied, so they cannot be put back from here.
    """
    if apply and dry_run:
        raise BootkeepError("--apply and --dry-run exclude each other", where="restore-config", next_step="Choose one.")
    source = store_at(store or (root / "var/lib/bootkeep" if root != Path("/") else None))
    id = resolve(source, transaction)
    named = paths or ()
    done = restore(source, id, named, root=root, force=force) if apply else ()
    items = done or plan_restore(source, id, named, root=root)
    if json:
        print_json({"transaction": id, "applied": apply, "files": items})
    else:
        _print(id, items, applied=apply)
    if paths and not apply and any(item.state not in {RestoreState.READY, RestoreState.SAME} for item in items):
        raise typer.Exit(ExitCode.NO_GO)


def _print(id: str, items: tuple[RestoreItem, ...], *, applied: bool) -> None:
    out = console()
    if not items:
        out.print(f"{id} changed no configuration file that was copied.", markup=False)
        return
    for item in items:
        done = applied and item.sentence.startswith("put back")
        line = Text(f"{item.path}: ", style="bold").append(
            item.sentence, style="green" if done else _STYLES[item.state]
        )
        out.print(line)
        if not applied:
            for text in item.diff:
                style = {"+": "green", "-": "red", "@": "cyan"}.get(text[:1], "")
                out.print(Text(f"  {text}", style=style))
    if applied:
        out.print("Reload or restart what reads these files.", markup=False)
    elif any(item.state in {RestoreState.READY, RestoreState.CHANGED_SINCE} for item in items):
        out.print("Nothing was changed. Run it again with --apply to put them back.", markup=False)

"""``bootkeep fleet pages`` and ``serve``: the fleet's static site, and a quick look at it."""

from __future__ import annotations

import grp
import sys
from pathlib import Path
from typing import Annotated

import typer

from bootkeep.cli.common import JsonOption, console, errors_become_exits, print_json
from bootkeep.facts.errors import BootkeepError

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="DSN",
        help="The fleet's store; the one of /etc/bootkeep/fleet.json when not given.",
    ),
]
FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Where the pages lie: a new or empty folder, or one of ours.")
]
GroupOption = Annotated[
    str, typer.Option("--readable-by", metavar="GROUP", help="Let this group read the pages, e.g. the web server's.")
]
EverythingOption = Annotated[bool, typer.Option("--everything", help="Write also the pages that are current.")]
PortOption = Annotated[int, typer.Option("--port", metavar="NUMBER", min=0, max=65535, help="0: any free one.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command(name="pages")(pages)
    group.command(name="serve")(serve)


@errors_become_exits
def pages(
    folder: FolderArgument,
    store: StoreOption = "",
    readable_by: GroupOption = "",
    everything: EverythingOption = False,
    json: JsonOption = False,
) -> None:
    """Write the fleet's pages, or bring them up to date: a page whose facts have not moved is left as it is.

    Open DIR/index.html in a browser; no server is needed. Only root may read the pages unless --readable-by says otherwise.
    """
    from bootkeep.edges.site_folder import ONLY_US, Readers
    from bootkeep.fleet.verbs import bring_pages_up_to_date

    readers = Readers(_group_id(readable_by)) if readable_by else ONLY_US
    say = _progress if sys.stderr.isatty() and not json else None
    done = bring_pages_up_to_date(folder, dsn=store, readers=readers, everything=everything, say=say)
    if json:
        print_json(
            {"schema": 1, "folder": str(folder), "written": done.written, "kept": done.kept, "removed": done.removed,
             "planned": done.planned, "transactions_read": done.read}
        )  # fmt: skip
    else:
        removed = f", {done.removed} removed" if done.removed else ""
        console().print(
            f"{done.written} pages written, {done.kept} as they were{removed}: {folder / 'index.html'}", soft_wrap=True
        )


def _group_id(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise BootkeepError(
            f"there is no group {name!r}", where="--readable-by", next_step="'getent group' lists them."
        ) from error


def _progress(done: int, total: int) -> None:
    sys.stderr.write(f"\r\x1b[K{done} of {total} pages" if done < total else "\r\x1b[K")
    sys.stderr.flush()


@errors_become_exits
def serve(folder: FolderArgument, port: PortOption = 0) -> None:
    """Show written pages on this machine's loopback until Ctrl-C. The address holds a word that only you are told."""
    from bootkeep.fleet.serve import PageServer

    if not (folder / "index.html").is_file():
        raise BootkeepError(
            "there are no pages", where=str(folder), next_step=f"Write them first: bootkeep fleet pages {folder}"
        )
    with PageServer(folder.resolve(), port) as server:
        typer.echo(f"{server.address}   (Ctrl-C ends it)")
        try:
            server.serve_forever(0.2)
        except KeyboardInterrupt:
            typer.echo("")

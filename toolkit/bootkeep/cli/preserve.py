"""``bootkeep preserve``: keep a kernel alive, see and remove what is kept, prove the running one, override the guard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bootkeep.cli.common import ExitCode, JsonOption, errors_become_exits, print_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Override

#: How long ``--booted`` waits for the boot to be complete, in seconds. A service that takes longer is not waited for.
BOOT_WAIT_S = 900.0


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    @errors_become_exits
    def preserve(
        release: Annotated[
            str, typer.Argument(help="Kernel release to preserve (uname -r). Default: the last-good kernel.")
        ] = "",
        booted: Annotated[
            bool, typer.Option("--booted", help="Record the running kernel as last-good, if this boot is healthy.")
        ] = False,
        show: Annotated[bool, typer.Option("--list", help="List the preserved kernels and how they stand.")] = False,
        remove: Annotated[str, typer.Option("--remove", metavar="KEY", help="Remove one preserved kernel.")] = "",
        override: Annotated[
            str,
            typer.Option(
                "--override", metavar="REASON", help="Let the guard pass the next transaction it would refuse."
            ),
        ] = "",
        json: JsonOption = False,
    ) -> None:
        """Keep a working kernel alive: its own files, modules and menu entry, at next to no cost in space.

        Before a transaction replaces the last-good kernel in place this happens by itself.

        Examples: 'bootkeep preserve'; 'bootkeep preserve --list'; 'bootkeep preserve --override "moving to 6.12"'.
        """
        chosen = [name for name, given in (("--booted", booted), ("--list", show), ("--remove", remove)) if given]
        if len(chosen) + bool(release) + bool(override) > 1:
            raise typer.BadParameter("give one of: a release, --booted, --list, --remove, --override")
        if show:
            _list(json)
        elif remove:
            _remove(remove, json)
        elif override:
            _override(override, json)
        elif booted:
            _booted(json)
        else:
            _preserve(release, json)


def _policy() -> Policy:
    from bootkeep.edges.config import load_policy

    return load_policy()


def _preserve(release: str, json: bool) -> None:
    from bootkeep.edges.store import Store
    from bootkeep.flows.preserve import last_good_or_none, preserve_kernel, preserve_last_good

    good = last_good_or_none(Store())
    if release:
        record = preserve_kernel(Path("/"), release)
    elif good:
        record = preserve_last_good(Path("/"), good)
    else:
        raise BootkeepError(
            "no kernel was proven good on this host yet",
            where="/var/lib/bootkeep/last-good.json",
            next_step="Run 'bootkeep preserve --booted' on a healthy boot, or name a release.",
        )
    if json:
        print_json(record)
    else:
        typer.echo(f"Preserved {record.release} {record.package_version} as /boot/bootkeep/{record.key}.")


def _list(json: bool) -> None:
    from bootkeep.edges.store import Store
    from bootkeep.flows.preserve import list_preserved
    from bootkeep.flows.put_back_kernels import kept_by_bootkeep

    found = list_preserved(Path("/"))
    needed = {
        each.record.key: "; ".join(each.needed) or "needed no longer, the next healthy boot takes it away"
        for each in kept_by_bootkeep(Path("/"), Store(), minimum=_policy().minimum_kernels)
    }
    if json:
        print_json(found)
        return
    if not found:
        typer.echo("No kernel is preserved. That is so as long as no package has replaced the last-good one.")
    for item in found:
        if not item.whole:
            how = f"DAMAGED: remove it with 'bootkeep preserve --remove {item.record.key}'"
        elif item.in_menu:
            how = "whole, in the boot menu"
        elif item.same_as_packaged:
            how = "whole, the same as the packaged kernel, which has its own menu entry"
        else:
            how = "whole, but not in the boot menu: run 'bootkeep preserve'"
        if item.record.key in needed:
            how += f"; its package is gone, /boot/vmlinuz-{item.record.release} is kept by bootkeep: {needed[item.record.key]}"
        typer.echo(f"{item.record.key}  {how}  (since {item.record.preserved_at})")


def _remove(key: str, json: bool) -> None:
    from bootkeep.edges.store import Store
    from bootkeep.flows.put_back_kernels import remove_by_hand

    remove_by_hand(Path("/"), Store(), key)
    if json:
        print_json({"removed": [key]})
    else:
        typer.echo(f"Removed {key}.")


def _override(reason: str, json: bool) -> None:
    from bootkeep.flows.guard import OVERRIDE_MINUTES, give_override

    given: Override = give_override(reason)
    if json:
        print_json(given)
    else:
        typer.echo(f"The guard lets one transaction of the next {OVERRIDE_MINUTES} minutes pass, and records why.")


def _booted(json: bool) -> None:
    from bootkeep.edges.store import Store
    from bootkeep.flows.last_good import mark_last_good
    from bootkeep.flows.settling import after_boot

    policy = _policy()
    try:
        marked = mark_last_good(Store(), wait_s=BOOT_WAIT_S, minimum_kernels=policy.minimum_kernels)
    finally:  # also after a boot that proves nothing: then it matters most what is different
        after_boot(Store(), policy)
    if json:
        print_json(marked)
        raise typer.Exit(ExitCode.OK)
    word = "is now" if marked.changed else "was already"
    typer.echo(f"{marked.last_good.release} {marked.last_good.package_version} {word} the last-good kernel.")
    if marked.failed_units:
        typer.echo(f"The boot is degraded by: {', '.join(marked.failed_units)}")
    if marked.removed:
        typer.echo(f"No longer needed, removed: {', '.join(marked.removed)}")

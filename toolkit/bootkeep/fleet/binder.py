"""The binder of the fleet's runbooks: which hosts, from the store, as a PDF."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from bootkeep.facts.errors import BootkeepError
from bootkeep.fleet.pages import PageSource
from bootkeep.flows.typeset import typeset
from bootkeep.reports.binder import Binder, BinderEntry, binder_document


def collect_binder(source: PageSource, globs: Sequence[str], *, now: str) -> Binder:
    """All hosts whose minion id fits one of the globs, by name. Raises BootkeepError when none does."""
    hosts = sorted(source.hosts(), key=lambda host: host.id)
    chosen = [host for host in hosts if any(fnmatchcase(host.id, glob) for glob in globs)]
    if not chosen:
        raise BootkeepError(
            f"no host of the store fits {', '.join(globs)}",
            where=f"{len(hosts)} hosts",
            next_step="'bootkeep fleet status' lists them; quote the pattern: --hosts 'web*'.",
        )
    return Binder(tuple(BinderEntry(host, source.runbook(host.id) or "") for host in chosen), tuple(globs), now)


def render_binder(binder: Binder, *, paper: str = "a4") -> bytes:
    """The PDF. Raises BootkeepError where the engine is not installed."""
    return typeset("binder.typ", binder_document(binder), paper=paper)

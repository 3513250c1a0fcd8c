"""collect: the one function through which a look at a machine happens."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bootkeep.edges.host import Host
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.probes.read import Probe, Read


def collect(host: Host, probes: Iterable[Probe], *, deadline_s: float = 120.0) -> Readings:
    """Ask every read of every probe once, then the follow-ups that the answers call for; two waves, no deeper.

    After ``deadline_s`` seconds the remaining reads are answered TIMEOUT, so that a slow machine costs data, never the
    caller's time. Data that was not taken is Unknown to the rules.
    """
    until = time.monotonic() + deadline_s
    probes = tuple(probes)
    answers: dict[str, Reading] = {}
    _ask(host, (read for probe in probes for read in probe.reads), answers, until)
    first = Readings(dict(answers))
    _ask(host, (read for probe in probes for read in probe.follow_ups(first)), answers, until)
    return Readings(answers)


def _ask(host: Host, reads: Iterable[Read], answers: dict[str, Reading], until: float) -> None:
    for read in reads:
        if read.key in answers:
            continue
        if time.monotonic() > until:
            answers[read.key] = Reading(Status.TIMEOUT, detail="the snapshot's own deadline had passed")
        else:
            answers[read.key] = host.answer(read)

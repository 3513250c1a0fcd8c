"""collect: the one function through which a look at a machine happens."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from bootkeep.edges.host import Host
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.probes.read import Command, Probe, Read


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
        left = until - time.monotonic()
        if left <= 0:
            answers[read.key] = Reading(Status.TIMEOUT, detail="the snapshot's own deadline had passed")
            continue
        if isinstance(read, Command) and read.timeout_s > left:  # a hung tool must not outlive the deadline either
            read = replace(read, timeout_s=left)
        answers[read.key] = host.answer(read)

"""collect: the one function through which a look at a machine happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from bootkeep.edges.host import Host
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.probes.read import Probe, Read

_ASK_AGAIN = frozenset({Status.NOT_TAKEN, Status.TIMEOUT})


def collect(
    host: Host,
    probes: Iterable[Probe],
    *,
    deadline_s: float = 120.0,
    known: Readings | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Readings:
    """Ask every read of every probe once, then the follow-ups that the answers call for; two waves, and a third
    where one of the follow-ups reveals what there is to ask (blkid, where udev has no database).

    After ``deadline_s`` seconds the remaining reads are answered TIMEOUT, so that a slow machine costs data, never the
    caller's time; one read may use a quarter of it, a command half. Data that was not taken is Unknown to the rules.
    ``known`` are answers that were just taken: they are part of the result, and not asked for again unless they came too late.
    ``meanwhile`` is done while the first wave's children read: what the caller will need next, and nothing that can wait long.
    """
    until = time.monotonic() + deadline_s
    probes = tuple(probes)
    answers = {key: one for key, one in (known or Readings()).items() if one.status not in _ASK_AGAIN}
    revealed = False
    for wave in range(3):
        if wave == 2 and not revealed:
            break
        first = Readings(dict(answers))
        wanted = (read for probe in probes for read in (probe.follow_ups(first) if wave else probe.reads))
        reads = {read.key: read for read in wanted if read.key not in answers}
        revealed = any(getattr(read, "reveals", False) for read in reads.values())
        if getattr(host, "may_hang", False):
            from bootkeep.edges.lanes import ask_in_lanes

            now = None if wave else meanwhile
            answers |= ask_in_lanes(host, reads.values(), until=until, patience_s=deadline_s / 4, meanwhile=now)
        else:
            answers |= _ask(host, reads.values(), until)
    return Readings(answers)


def _ask(host: Host, reads: Iterable[Read], until: float) -> dict[str, Reading]:
    """A recorded machine answers from memory."""
    answers: dict[str, Reading] = {}
    for read in reads:
        late = time.monotonic() >= until
        answers[read.key] = (
            Reading(Status.TIMEOUT, detail="the snapshot's own deadline had passed") if late else host.answer(read)
        )
    return answers

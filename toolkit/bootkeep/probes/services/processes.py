"""Processes and listening sockets, as the live host's native answers give them."""

from __future__ import annotations

from bootkeep.facts.codec import from_json
from bootkeep.facts.reading import Readings
from bootkeep.facts.system import Listener, Process
from bootkeep.facts.unknown import Maybe
from bootkeep.probes.read import Native, Probe
from bootkeep.probes.understand import understood

PROCESS_LIST = Native("processes")
LISTENER_LIST = Native("listeners")


def parse_processes(text: str) -> tuple[Process, ...]:
    """JSON of the native answer. Raises NotUnderstood on a row that is not a process."""
    return from_json(tuple[Process, ...], text, where=PROCESS_LIST.key)


def parse_listeners(text: str) -> tuple[Listener, ...]:
    """JSON of the native answer. Raises NotUnderstood on a row that is not a socket."""
    return from_json(tuple[Listener, ...], text, where=LISTENER_LIST.key)


def processes_of(readings: Readings) -> Maybe[tuple[Process, ...]]:
    """All user-space processes, by pid."""
    return understood(readings, PROCESS_LIST, parse_processes)


def listeners_of(readings: Readings) -> Maybe[tuple[Listener, ...]]:
    """All listening sockets."""
    return understood(readings, LISTENER_LIST, parse_listeners)


PROCESSES = Probe("processes", (PROCESS_LIST,), processes_of)
LISTENERS = Probe("listeners", (LISTENER_LIST,), listeners_of)

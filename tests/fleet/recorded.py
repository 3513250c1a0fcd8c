"""A fleet of the recorded machines: real readings of real hosts, and the runbooks made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from bootkeep.facts.codec import from_json
from bootkeep.facts.fleet_overview import FleetHost, FleetTransaction
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.facts.runbook import Freshness
from bootkeep.flows.check import check_readings
from bootkeep.flows.runbook import make_runbook
from bootkeep.reports.document import Report
from bootkeep.reports.runbook_text import runbook_text
from conftest import CHECKOUT

AT = "2026-11-20T09:00:00Z"


@cache
def machines(count: int = 6) -> tuple[tuple[FleetHost, str], ...]:
    """Hosts with the text of their runbooks; one stale, one invalid, one whose copy is damaged, one without any."""
    found = []
    folders = sorted(path.parent for path in (CHECKOUT / "tests/machines").glob("*/readings.json"))
    for folder in folders[:: max(1, len(folders) // count)][:count]:
        readings = from_json(Readings, (folder / "readings.json").read_bytes(), where=folder.name)
        result = check_readings(readings, Policy(), taken_at=AT)
        runbook = make_runbook(result, Policy(), generated_at=AT)
        host = FleetHost(
            f"web-{folder.name}.example.com",
            verdict=result.verdict.judgement.value,
            verdict_sentence=result.verdict.sentence,
            runbook=Freshness.FRESH,
            runbook_id=runbook.document_id,
            runbook_at=AT,
            heard_at=AT,
        )
        found.append((host, runbook_text(runbook)))
    found[1] = (replace(found[1][0], runbook=Freshness.STALE), found[1][1])
    found[2] = (replace(found[2][0], runbook=Freshness.INVALID), found[2][1])
    found[3] = (found[3][0], found[3][1].replace("root=", "root=/dev/sdz #", 1))
    found.append((FleetHost("web-new.example.com", heard_at=AT), ""))
    return tuple(found)


class RecordedFleet:
    """A page source of them."""

    def hosts(self) -> Sequence[FleetHost]:
        """All."""
        return [host for host, _ in machines()]

    def transactions(self) -> Iterator[FleetTransaction]:
        """None is recorded."""
        return iter(())

    def report(self, host: str, transaction: str) -> Report | None:
        """None."""
        del host, transaction
        return None

    def runbook(self, host: str) -> str | None:
        """Of the machine."""
        return next((text for one, text in machines() if one.id == host), None) or None

"""What a compromised minion might say of itself, in every field that ends on a page."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from bootkeep.facts.change import ChangeClass
from bootkeep.facts.fleet_overview import FleetChange, FleetHost, FleetTransaction
from bootkeep.lab.made_fleet import MadeFleet
from bootkeep.reports.document import Report

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover=alert(3) x='</style></title></textarea>"
    "<svg/onload=alert(4)>{{7*7}}{% raw %}javascript:alert(5)\x1b[31m\u202e\u2028\x00\udcff&lt;b&gt;<!-- ]]>"
)
NAMES = (
    "../../../../tmp/owned",
    "<script>alert(6)</script>",
    "..",
    ".bootkeep",
    "a/b\\c",
    "x" * 3000,
    "javascript:alert(7)",
    "\u202egnp.exe",
    "con\nnew\rline",
    "--help",
    "",
    "Web01",
    "web01",
)


class HostileFleet(MadeFleet):
    """Reports of it are hostile too."""

    def report(self, host: str, transaction: str) -> Report | None:
        """Made of a well-behaved one."""
        made = MadeFleet(1, 1)
        one = next(iter(made.transactions()))
        report = made.report(one.host, one.id)
        assert report is not None
        del host, transaction
        subject = replace(report.subject, id=HOSTILE, command=HOSTILE, user=HOSTILE, outcome=HOSTILE, advice=HOSTILE)
        sections = tuple(
            replace(
                section,
                changes=tuple(
                    replace(c, sentence=HOSTILE, before=HOSTILE, after="x", change_class=ChangeClass.OTHER)
                    for c in section.changes
                ),
            )
            for section in report.sections
        )
        return replace(report, headline=HOSTILE, summary=HOSTILE, host=HOSTILE, subject=subject, sections=sections)


def hostile_fleet() -> HostileFleet:
    """One host a name, each with a transaction in which every text is hostile."""
    made = HostileFleet(0, 0)
    hosts = []
    for number, name in enumerate(NAMES):
        texts: dict[str, Any] = {
            field.name: HOSTILE for field in fields(FleetHost) if field.type == "str" and field.name != "id"
        }
        hosts.append(replace(FleetHost(name), **texts))
        words: dict[str, Any] = {field.name: HOSTILE for field in fields(FleetTransaction) if field.type == "str"}
        started = HOSTILE if number % 2 else f"2026-11-{number + 1:02}T10:00:00Z"
        change = FleetChange(HOSTILE, HOSTILE, HOSTILE, HOSTILE, True)
        made.add(
            FleetTransaction(
                **{**words, "id": NAMES[-number - 1], "host": name, "started_at": started},
                changes=(change,),
                weakened=1,
            )
        )
    made.replace_hosts(hosts)
    return made

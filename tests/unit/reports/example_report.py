"""A composed report of the example host, the same on every machine."""

from __future__ import annotations

from bootkeep.compare.whole import compare_all
from bootkeep.reports.compose import compose
from bootkeep.reports.document import Report
from unit.compare.example_host import PACKAGES, SSHD_AFTER, SSHD_BEFORE, TRANSACTION, VERDICT, after, before


def example_report() -> Report:
    """Everything in it is fixed, times and versions included."""
    was, now = before(), after()
    return compose(
        TRANSACTION,
        was,
        now,
        compare_all(was, now, packages=PACKAGES),
        VERDICT,
        host="web-07",
        copies_before={"/etc/ssh/sshd_config": SSHD_BEFORE, "/etc/default/ssh": b"SSHD_OPTS=\nDB_PASSWORD=hunter2\n"},
        copies_after={"/etc/ssh/sshd_config": SSHD_AFTER, "/etc/default/ssh": b"SSHD_OPTS=-4\nDB_PASSWORD=hunter3\n"},
        generated_at="2026-11-23T17:05:00Z",
        tool_version="0.1.0",
    )

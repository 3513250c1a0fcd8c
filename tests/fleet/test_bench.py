"""`python -m bench.fleet --small`: that it runs on real daemons and both databases, and that every record it counts was stored."""

from __future__ import annotations

import json
import sys

import pytest

from bootkeep.edges.run import run
from bootkeep.lab.demonstration import CHECKOUT

pytestmark = pytest.mark.lab


def test_the_small_form_measures_everything() -> None:
    """A row for each peer, each database, the ratios, memory and pages."""
    done = run([sys.executable, "-m", "bench.fleet", "--small"], timeout_s=800, directory=str(CHECKOUT))
    assert done.exit_code == 0, done.stdout + done.stderr[-1500:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    stored = {row["what"]: row for row in rows if "stored" in row}
    assert set(stored) == {f"bootkeep, announced to stored, {kind}" for kind in ("sqlite", "postgresql")}
    for row in stored.values():
        assert row["stored"] == row["hosts"] == 20
        assert row["store_mib"] > 0.06 * 20  # sixty KiB of each that no compression takes away
        assert row["cpu_ms_an_event"] > 0
    against = [row["what"].partition("against: ")[2] for row in rows if "against: " in row["what"]]
    nothing, file, database = "a reactor that does nothing", "Salt's returner rawfile_json", "Salt's returner pgjsonb"
    assert against == [nothing, file, nothing, database]
    (memory,) = [row for row in rows if row["what"] == "memory of a minion"]
    assert memory["minion_sends_pss_mib"] > memory["minion_plain_pss_mib"] > 10
    pages, changed = rows[-2:]
    assert pages["hosts"] == changed["hosts"] == 20 and pages["files"] > 20
    assert changed["whole_read"] == changed["transactions"] == 40
    assert changed["one_more_read"] > changed["nothing_new_read"] > 0

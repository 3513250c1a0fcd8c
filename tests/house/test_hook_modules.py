"""What a hook's two processes load: each module costs every transaction its time, twice."""

from __future__ import annotations

import json
import sys

import pytest

from bootkeep.edges.run import run

#: What a hook loads before it knows what it is to do.
STARTS = "import bootkeep.hooks.entry; from bootkeep.flows import hook_run, hooked"
#: The same and the look at the machine; and after the transaction also what judges the boot files.
LOOKS = f"{STARTS}; import bootkeep.flows.snapshot, bootkeep.edges.lanes"
JUDGES = f"{LOOKS}; import bootkeep.flows.check"

#: Never in a hook: comparing and composing are the report's and the worker's; the rest are slow parts of the standard library.
NEVER = (
    *("bootkeep.compare.whole", "bootkeep.compare.attribution", "bootkeep.facts.change", "bootkeep.assemble_system"),
    *("bootkeep.flows.missed", "bootkeep.flows.settling", "bootkeep.flows.report", "bootkeep.flows.preserved_bls"),
    *("bootkeep.remedies", "bootkeep.reports", "bootkeep.runbook", "bootkeep.cli", "bootkeep.fleet", "bootkeep.lab"),
    *("shutil", "tempfile", "sqlite3", "random", "secrets", "logging", "socket", "ssl", "asyncio", "http", "email"),
    *("psutil", "salt", "yaml", "jinja2", "typer", "rich", "cryptography"),
)


def loaded(statement: str) -> set[str]:
    """Names of all modules in a fresh interpreter, started as the hooks' shim starts it."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = run([sys.executable, "-I", "-c", code], timeout_s=60)
    assert done.exit_code == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("statement", [STARTS, LOOKS, JUDGES], ids=["start", "look", "judge"])
def test_a_hook_loads_nothing_that_it_does_not_need(statement: str) -> None:
    """The listing of ``sys.modules``, so that an import at the top of some module far away is noticed."""
    before = loaded("pass")
    own = loaded(statement) - before
    assert "bootkeep.flows.transaction" in own  # it did load the hook
    found = sorted(name for name in own if any(name == never or name.startswith(f"{never}.") for never in NEVER))
    assert not found


def test_the_start_of_a_hook_loads_neither_probes_of_the_system_nor_rules() -> None:
    """They come when the guard has spoken, and only where a look is taken."""
    own = loaded(STARTS)
    assert not {"bootkeep.probes.system_probes", "bootkeep.rules.judge", "bootkeep.assemble"} & own
    assert len([name for name in own if name.startswith("bootkeep.")]) <= 85

"""The state that puts pillar ``bootkeep:messages`` into its file, through Salt's own loader: no secret in what it returns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import CHECKOUT

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import salt.config, salt.loader
root, checkout, test, pillar = sys.argv[1], sys.argv[2], sys.argv[3] == "test", json.loads(sys.argv[4])
opts = salt.config.DEFAULT_MINION_OPTS.copy()
opts.update(id="master1", root_dir=root, cachedir=root + "/cache", extension_modules=root + "/extmods", file_client="local",
            grains={"os_family": "Debian"}, pillar=pillar, test=test, states_dirs=[checkout + "/salt/_states"])
modules = salt.loader.minion_mods(opts)
states = salt.loader.states(opts, modules, salt.loader.utils(opts), None)
print(json.dumps(states["bootkeep_messages.configured"](root + "/etc/messages.json")))
"""


def apply(root: Path, messages: dict[str, Any], *, test: bool = False) -> tuple[dict[str, Any], str]:
    """What the state returns, and everything that was said on the way."""
    argv = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(root), str(CHECKOUT)]
    argv += ["test" if test else "run", json.dumps({"bootkeep": {"messages": messages}})]
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "PYTHONPATH": str(CHECKOUT / "toolkit")}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env=environment)  # noqa: TID251
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer, done.stdout + done.stderr


def test_written_once_and_never_shown(tmp_path: Path) -> None:
    """A dry run, a run, a second run, a wrong one."""
    good: dict[str, Any] = {
        "rules": [{"name": "all", "to": ["chat"]}],
        "destinations": [
            {"name": "chat", "kind": "webhook", "address": "https://chat.example.com/x", "secret": "s3cr3t-token"}
        ],
    }
    path = tmp_path / "etc" / "messages.json"
    dry, said = apply(tmp_path, good, test=True)
    assert dry["result"] is None and dry["changes"] and not path.exists() and "s3cr3t" not in said
    first, said = apply(tmp_path, good)
    assert first["result"] is True and first["changes"] and "s3cr3t" not in said
    assert "s3cr3t-token" in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    second, _ = apply(tmp_path, good)
    assert second["result"] is True and not second["changes"]
    wrong, said = apply(tmp_path, {**good, "rules": [{"name": "all", "to": ["nobody"]}]})
    assert wrong["result"] is False and "is no destination" in wrong["comment"] and "s3cr3t" not in said
    assert "nobody" not in path.read_text()

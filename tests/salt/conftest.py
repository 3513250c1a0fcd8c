"""Salt's own compiler over this checkout, in a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "compile_formula.py"
Compile = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def compile_formula(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """A function from (family, pillar, sls) triples to Salt's low states; see ``compile_formula.py``."""
    root = tmp_path_factory.mktemp("minion")

    def compile_all(*wanted: tuple[str, dict[str, Any], str]) -> list[dict[str, Any]]:
        request = {
            "root": str(root),
            "compile": [{"family": family, "pillar": pillar, "sls": sls} for family, pillar, sls in wanted],
        }
        done = subprocess.run(  # noqa: TID251
            [sys.executable, "-W", "ignore", str(PROGRAM)],
            input=json.dumps(request), capture_output=True, text=True, check=False, timeout=300,
            env={"PATH": os.environ["PATH"], "HOME": str(root)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    return compile_all

"""Run as a program: Salt's own loader and compiler over this checkout; requests on standard input, answers on output.

A child, because Salt changes the process that imports it: it installs an import hook, an exception hook and log handlers.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

import salt.config  # noqa: E402
import salt.loader  # noqa: E402
import salt.state  # noqa: E402

CHECKOUT = Path(__file__).parents[2]


def options(root: str, family: str, pillar: dict[str, Any]) -> dict[str, Any]:
    """A masterless minion that lives below root, with this checkout's states."""
    opts: dict[str, Any] = salt.config.DEFAULT_MINION_OPTS.copy()
    opts.update(
        id="web01",
        root_dir=root,
        cachedir=f"{root}/cache",
        conf_file=f"{root}/minion",
        file_client="local",
        local=True,
        file_roots={"base": [str(CHECKOUT / "salt")]},
        module_dirs=[str(CHECKOUT / "salt" / "_modules")],
        states_dirs=[str(CHECKOUT / "salt" / "_states")],
        extension_modules=f"{root}/extmods",
        grains={"os_family": family, "id": "web01"},
        pillar=pillar,
        test=True,
    )
    return opts


def low_state(opts: dict[str, Any], sls: str) -> dict[str, Any]:
    """The chunks of one .sls in order, and every complaint on the way."""
    high_state = salt.state.HighState(opts)
    # The pillar of the request is the whole pillar: nothing is rendered from this checkout's.
    high_state.state.opts["pillar"] = opts["pillar"]
    high_state.push_active()
    try:
        high, errors = high_state.render_highstate({"base": [sls]})
        high, more = high_state.state.reconcile_extend(high)
        errors += more + high_state.state.verify_high(high)
        high, more = high_state.state.requisite_in(high)
        errors += more
        compiled = high_state.state.compile_high_data(high)
        chunks, more = compiled if isinstance(compiled, tuple) else (compiled, [])
        errors += more
        functions = high_state.state.states
        chunks = sorted(chunks, key=lambda chunk: chunk["order"])
        missing = [f"{chunk['state']}.{chunk['fun']}" for chunk in chunks]
        return {
            "chunks": chunks,
            "errors": [str(error) for error in errors],
            "missing": [name for name in missing if name not in functions],
        }
    finally:
        high_state.pop_active()


def main() -> None:
    """Answer each request ``{"family", "pillar", "sls"}`` in turn."""
    request = json.load(sys.stdin)
    answers = []
    for each in request["compile"]:
        opts = options(request["root"], each["family"], each["pillar"])
        opts["pillar"] = each["pillar"]
        answers.append(low_state(opts, each["sls"]))
    json.dump(answers, sys.stdout, default=str)


main()

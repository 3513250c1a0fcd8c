"""The master's settings for bootkeep: the ``bootkeep`` key of its configuration, or of ``/etc/bootkeep/fleet.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from bootkeep.facts.errors import BootkeepError
from bootkeep.fleet.database import FLEET_ROOT, default_dsn
from bootkeep.fleet.intake import Intake
from bootkeep.fleet.limits import HOST, Limits
from bootkeep.fleet.store import FleetStore

#: Where the formula writes the DSN for the command line.
FLEET_CONFIG = Path("/etc/bootkeep/fleet.json")


def dsn_of(settings: Mapping[str, Any]) -> str:
    """The store's DSN; the embedded database when none is set."""
    return str(settings.get("dsn") or default_dsn(FLEET_ROOT))


def limits_of(settings: Mapping[str, Any]) -> Limits:
    """What a minion may take, with the administrator's own numbers. Raises BootkeepError for a limit that does not exist."""
    own = settings.get("limits") or {}
    known = {field.name for field in fields(Limits)}
    wrong = sorted(set(own) - known) if isinstance(own, Mapping) else ["limits"]
    if not wrong:
        wrong = sorted(name for name, value in own.items() if not isinstance(value, int | float) or value <= 0)
    if wrong:
        raise BootkeepError(
            f"bootkeep:limits is not understood: {', '.join(wrong)}",
            where="the master's configuration",
            next_step=f"Each is a positive number; there are {', '.join(sorted(known))}.",
        )
    return replace(Limits(), **own)


def intake_of(settings: Mapping[str, Any], keys: Path) -> Intake:
    """The intake with its store. ``keys``: the folder of accepted public keys."""
    dsn = dsn_of(settings)
    url = make_url(dsn)
    place = Path(url.database).parent if url.get_backend_name() == "sqlite" and url.database else None

    def key_of(host: str) -> bytes | None:
        if not HOST.match(host):
            return None
        try:
            return (keys / host).read_bytes()
        except OSError:
            return None

    return Intake(FleetStore.open(dsn), key_of, limits_of(settings), place=place)


def command_line_settings(path: Path = FLEET_CONFIG) -> dict[str, Any]:
    """The settings for ``bootkeep fleet``; the defaults when there is no file. Raises BootkeepError when it is damaged."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BootkeepError(
            f"the fleet's settings cannot be read: {error}",
            where=str(path),
            next_step="Mend it, or apply bootkeep.master again.",
        ) from error
    return found if isinstance(found, dict) else {}

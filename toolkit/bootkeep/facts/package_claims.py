"""What packages say they make on a machine beside the files they ship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackageClaims:
    """Read out of maintainer scripts: an explanation of a change, not a proof of who made it."""

    paths: Mapping[str, str]  # path -> package
    accounts: Mapping[str, str]  # user or group -> package
    tools: Mapping[str, str]  # program that a script calls (adduser, update-ca-certificates) -> package

"""Addresses, routes, and how names are resolved: ip(8), resolv.conf(5), nsswitch.conf(5)."""

from __future__ import annotations

from typing import Any

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.lines import Keyed, Texts, lines, put, texts_probe
from bootkeep.probes.read import Command, Probe
from bootkeep.probes.understand import rows, why_not

ADDRESSES = Command(("ip", "-j", "address", "show"), timeout_s=2.0)
ROUTES = Command(("ip", "-j", "route", "show"), timeout_s=2.0)
ROUTES_6 = Command(("ip", "-j", "-6", "route", "show"), timeout_s=2.0)


def parse_addresses(text: str) -> Keyed:
    """``eth0 192.0.2.1/24`` -> scope; ``eth0`` -> up or down. Temporary IPv6 addresses are left out. Raises NotUnderstood."""
    found: Keyed = {}
    for interface in rows(text, ADDRESSES.key):
        name = _word(interface, "ifname")
        flags = interface.get("flags", [])
        found[name] = "up" if isinstance(flags, list) and "UP" in flags else "down"
        for address in _objects(interface.get("addr_info", [])):
            if not address.get("temporary") and not address.get("mngtmpaddr"):
                found[f"{name} {_word(address, 'local')}/{address.get('prefixlen', '')}"] = _word(address, "scope")
    return found


def parse_routes(text: str) -> Keyed:
    """``route default`` -> ``via 192.0.2.254 dev eth0``. Raises NotUnderstood."""
    found: Keyed = {}
    for route in rows(text, ROUTES.key):
        if route.get("protocol") != "kernel" or route.get("dst") == "default":
            parts = [f"{key} {route[word]}" for key, word in (("via", "gateway"), ("dev", "dev")) if word in route]
            put(found, f"route {_word(route, 'dst')}", " ".join(parts))
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _word(row: dict[str, Any], key: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        raise NotUnderstood(f"{key} is not a word", where=ADDRESSES.key)
    return value


def network_of(readings: Readings) -> Maybe[Keyed]:
    """Addresses and routes together."""
    found: Keyed = {}
    for read, parse in ((ADDRESSES, parse_addresses), (ROUTES, parse_routes), (ROUTES_6, parse_routes)):
        reading = readings[read.key]
        if reading.status.value == "absent":
            return Absent("ip")
        if not reading.ok or reading.exit_code != 0:
            return Unknown(why_not(reading, read.key))
        try:
            found |= parse(reading.text or "[]")
        except NotUnderstood as error:
            return Unknown(str(error))
    return found


def parse_resolvers(files: Texts) -> Keyed:
    """resolv.conf's name servers and search list, and each database's sources in nsswitch.conf."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        for line in lines(text, "#;"):
            key, _, value = line.partition(" ")
            put(found, f"nsswitch {key}" if "nsswitch" in path else f"resolver {key}", value)
    return found


NETWORK = Probe("network", (ADDRESSES, ROUTES, ROUTES_6), network_of, tier=2)
RESOLVERS = texts_probe("name resolution", parse_resolvers, "/etc/resolv.conf", "/etc/nsswitch.conf")

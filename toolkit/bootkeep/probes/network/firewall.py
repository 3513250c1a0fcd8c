"""The packet filter in force: nftables, and iptables where the old kernel interface is in use.

``nft -s list ruleset`` prints rules without counters (nft(8), "stateless"). Asking loads kernel modules on a host that has no
filter at all, so it is only asked where nf_tables is already in the kernel, loaded or built in; the same holds for the tables
of old iptables (/proc/net/ip_tables_names). iptables-nft rules are nftables rules.
"""

from __future__ import annotations

import re

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.redaction import redact_line
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.lines import Keyed, Texts, assignments, put, texts_probe
from bootkeep.probes.read import Command, File, Listing, Native, Probe, Read
from bootkeep.probes.understand import why_not

NF_TABLES = Listing("/sys/module/nf_tables")
NFT_PROGRAM = Listing("/usr/sbin/nft")
#: A module that is compiled in has no folder there.
BUILT_IN = Native("built-in:nf_tables")
NFT = Command(("nft", "-s", "-nn", "list", "ruleset"), timeout_s=2.0)
OLD_TABLES = tuple(File(f"/proc/net/{name}_tables_names") for name in ("ip", "ip6"))
OLD_RULES = (Command(("iptables-legacy-save",), timeout_s=2.0), Command(("ip6tables-legacy-save",), timeout_s=2.0))
_COUNTS = re.compile(r"\[\d+:\d+\]")
_COUNTER = re.compile(r" counter(?: packets \d+ bytes \d+)?")


def parse_nft(text: str) -> Keyed:
    """``inet filter input: tcp dport 22 accept`` -> how often; a chain's policy is its own key. Raises NotUnderstood.

    Elements of sets are left out: fail2ban and the like change them all day. Their declaration stays.
    """
    found: Keyed = {}
    place: list[str] = []
    in_elements = False
    for raw in text.split("\n"):
        line = " ".join(raw.split())
        if in_elements:
            in_elements = "}" not in line
        elif not line or line.startswith("#"):
            continue
        elif line.startswith("elements = {"):
            in_elements = "}" not in line
        elif line == "}":
            if not place:
                raise NotUnderstood("a bracket too many", where=NFT.key)
            place.pop()
        elif line.endswith("{"):
            words = line[:-1].split()
            place.append(" ".join(words[1:] if words[:1] in (["table"], ["chain"]) else words))
        elif line.startswith("type ") and "hook " in line:
            head, _, policy = line.rstrip("; ").partition("; policy ")
            found[f"{' '.join(place)}: {head}"] = f"policy {policy or 'accept'}"
        else:
            put(found, f"{' '.join(place)}: {_COUNTER.sub('', redact_line(line))}", "1")
    if place:
        raise NotUnderstood("the ruleset ends inside a block", where=NFT.key)
    return _counted(found)


def parse_iptables(text: str, family: str) -> Keyed:
    """``iptables-save``: ``ip filter: -A INPUT -p tcp --dport 22 -j ACCEPT``, policies as keys of their own."""
    found: Keyed = {}
    table = ""
    for line in text.split("\n"):
        line = _COUNTS.sub("", line).strip()
        if line.startswith("*"):
            table = f"{family} {line[1:]}"
        elif line.startswith(":"):
            chain, _, policy = line[1:].partition(" ")
            found[f"{table} {chain}: chain"] = f"policy {policy.strip().lower()}" if policy.strip() != "-" else ""
        elif line.startswith("-A"):
            put(found, f"{table}: {redact_line(line)}", "1")
    return _counted(found)


def _counted(found: Keyed) -> Keyed:
    return {
        # A policy is a value of its own; anything else is a mark a line.
        key: ("" if value == "1" else value)
        if set(value) - set("1; ") or value in ("", "1")
        else f"{value.count('1')} times"
        for key, value in found.items()
    }


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    reads: list[Read] = []
    if readings[NFT_PROGRAM.key].ok and (readings[NF_TABLES.key].ok or _is_built_in(readings)):
        reads.append(NFT)
    reads += [rules for names, rules in zip(OLD_TABLES, OLD_RULES, strict=True) if readings[names.key].text.strip()]
    return tuple(reads)


def _is_built_in(readings: Readings) -> bool:
    return readings[BUILT_IN.key].ok and '"built_in": true' in readings[BUILT_IN.key].text


def firewall_of(readings: Readings) -> Maybe[Keyed]:
    """All rules; empty when the kernel filters nothing; Unknown when it does and no tool could be asked."""
    found: Keyed = {}
    modules = readings[NF_TABLES.key]
    has_nft = readings[NFT_PROGRAM.key].ok
    if has_nft and modules.status is Status.ABSENT and readings[BUILT_IN.key].status is Status.ABSENT:
        return Unknown("nobody can tell whether this kernel filters packets without having it load nf_tables")
    # Built in says nothing about use: without nft nobody made a rule with it.
    if modules.ok or (has_nft and _is_built_in(readings)):
        if readings[NFT_PROGRAM.key].status is Status.ABSENT:
            return Absent("nft, which would tell the packet filter's rules")
        rules = readings[NFT.key]
        if not rules.ok or rules.exit_code != 0:
            return Unknown(why_not(rules, NFT.key))
        try:
            found |= parse_nft(rules.text)
        except NotUnderstood as error:
            return Unknown(str(error))
    elif modules.status is not Status.ABSENT:
        return Unknown(why_not(modules, NF_TABLES.key))
    for names, read, family in zip(OLD_TABLES, OLD_RULES, ("ip", "ip6"), strict=True):
        if readings[names.key].text.strip():
            rules = readings[read.key]
            if not rules.ok or rules.exit_code != 0:
                return Unknown(why_not(rules, read.key))
            found |= parse_iptables(rules.text, family)
    return found


def parse_front_ends(files: Texts) -> Keyed:
    """``ufw ENABLED`` and the like, and firewalld's default zone: what the front ends were told."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        program = "firewalld" if "firewalld" in path else "ufw"
        for _section, key, value in assignments(text):
            if key in {"ENABLED", "DefaultZone", "FirewallBackend"} or key.startswith("DEFAULT_"):
                found[f"{program} {key}"] = value.strip('"')
    return found


FIREWALL = Probe("firewall rule", (NF_TABLES, NFT_PROGRAM, BUILT_IN, *OLD_TABLES), firewall_of, _follow_ups, tier=2)
FIREWALL_FRONT_ENDS = texts_probe(
    "firewall setting", parse_front_ends, "/etc/ufw/ufw.conf", "/etc/default/ufw", "/etc/firewalld/firewalld.conf"
)

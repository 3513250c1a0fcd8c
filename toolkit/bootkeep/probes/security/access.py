"""Who may log in and act as somebody else: password states, sub-ids, keys, sudoers, PAM, polkit, login.defs.

Sources: shadow(5), subuid(5), sudoers(5), pam.conf(5), polkit(8), login.defs(5). Hashes and keys stay on the host: of a password
its class and its date, of an SSH key its fingerprint.
"""

from __future__ import annotations

import re

from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Maybe
from bootkeep.probes.lines import Keyed, Texts, lines, name_of, put, texts_probe
from bootkeep.probes.read import Native, Probe
from bootkeep.probes.understand import texts, understood

SHADOW = Native("shadow-states")
SSH_KEYS = Native("ssh-keys")
POLKIT_LINES = Native("polkit")
_ACTION = re.compile(r'<action\s+id="([^"]+)">(.*?)</action>', re.DOTALL)
_ALLOW = re.compile(r"<allow_(any|inactive|active)>\s*([\w]+)\s*</allow_\1>")


def shadow_of(readings: Readings) -> Maybe[Keyed]:
    """Account -> ``locked``, ``none`` or ``set (method)``, day of change, ageing."""
    return understood(readings, SHADOW, lambda text: texts(text, SHADOW.key))


def ssh_keys_of(readings: Readings) -> Maybe[Keyed]:
    """``account SHA256:fingerprint`` -> type."""
    return understood(readings, SSH_KEYS, lambda text: texts(text, SSH_KEYS.key))


def parse_sub_ids(files: Texts) -> Keyed:
    """``/etc/subuid: anna`` -> ``100000:65536``."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        for line in lines(text):
            name, _, numbers = line.partition(":")
            put(found, f"{path}: {name}", numbers)
    return found


def parse_sudo_rules(files: Texts) -> Keyed:
    """``file: line`` for every rule, alias and default; sudo skips names in a folder with a dot or a final tilde."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        if path != "/etc/sudoers" and ("." in name_of(path) or path.endswith("~")):
            continue
        for line in lines(text, comment=""):
            if not line.startswith("#") or line.startswith(("#include", "#includedir")):
                found[f"{path}: {line}"] = ""
    return found


def parse_pam(files: Texts) -> Keyed:
    """``service: type module`` -> control and arguments, in order. ``[success=1 default=ignore]`` is one control."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        for line in lines(text):
            if line.startswith("@include"):
                put(found, f"{name_of(path)}: {line}", "")
                continue
            kind, _, rest = line.partition(" ")
            if rest.startswith("["):
                control, _, rest = rest.partition("]")
                control += "]"
            else:
                control, _, rest = rest.partition(" ")
            module, _, arguments = rest.strip().partition(" ")
            put(found, f"{name_of(path)}: {kind} {module}".rstrip(), f"{control} {arguments}".strip())
    return found


def parse_polkit(files: Texts) -> Keyed:
    """Action -> who may do it without asking; rule file -> whether it grants anything."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        if path.endswith(".rules"):
            grants = "polkit.Result.YES" in text
            found[path] = "grants without asking" if grants else "grants nothing by itself"
        else:
            for action, body in _ACTION.findall(text):
                found[str(action)] = ", ".join(f"{who} {what}" for who, what in _ALLOW.findall(body))
    return found


def polkit_of(readings: Readings) -> Maybe[Keyed]:
    """Actions and rule files; Absent where polkit is not installed."""
    return understood(readings, POLKIT_LINES, lambda text: parse_polkit(texts(text, POLKIT_LINES.key)))


def parse_login_defs(files: Texts) -> Keyed:
    """Keyword -> value; the last line of a keyword counts."""
    found: Keyed = {}
    for text in files.values():
        for line in lines(text):
            key, _, value = line.partition(" ")
            found[key] = value
    return found


PASSWORDS = Probe("password state", (SHADOW,), shadow_of)
AUTHORIZED_KEYS = Probe("authorized key", (SSH_KEYS,), ssh_keys_of, tier=2)
SUB_IDS = texts_probe("sub-id", parse_sub_ids, "/etc/subuid", "/etc/subgid")
SUDO_RULES = texts_probe("sudo rule", parse_sudo_rules, "/etc/sudoers", "/etc/sudoers.d/*")
PAM = texts_probe("pam", parse_pam, "/etc/pam.d/*")
POLKIT = Probe("polkit", (POLKIT_LINES,), polkit_of, tier=2)
LOGIN_DEFS = texts_probe("login.defs", parse_login_defs, "/etc/login.defs")

"""Which files the helpers of maintainer scripts change: data, so that a path made by a helper is attributed to its caller."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Program that a script calls -> the files it writes (a regular expression on the whole path).
TOOL_FILES: Mapping[str, str] = {
    "update-ca-certificates": r"/etc/ssl/certs/.*|/etc/ca-certificates\.conf.*",
    "pam-auth-update": r"/etc/pam\.d/common-.*",
    "newaliases": r"/etc/aliases\.db",
    "add-shell": r"/etc/shells",
    "remove-shell": r"/etc/shells",
    "update-shells": r"/etc/shells",
    "update-mime": r"/etc/mailcap",
    "update-inetd": r"/etc/inetd\.conf",
    "update-grub": r"/boot/grub/grub\.cfg",
    "update-grub2": r"/boot/grub/grub\.cfg",
    "update-initramfs": r"/boot/(initrd|initramfs).*",
    "update-xmlcatalog": r"/etc/xml/.*",
    "update-catalog": r"/etc/sgml/.*",
    "update-icon-caches": r"/etc/.*/icon-theme\.cache",
    "update-default-ispell": r"/etc/dictionaries-common/.*",
    "update-default-wordlist": r"/etc/dictionaries-common/.*",
    "update-fonts-alias": r"/etc/X11/fonts/.*",
    "update-fonts-dir": r"/etc/X11/fonts/.*",
    "update-locale": r"/etc/(default/locale|locale\.conf)",
    "locale-gen": r"/etc/locale\.gen",
    "ssh-keygen": r"/etc/ssh/ssh_host_.*",
    "make-ssl-cert": r"/etc/ssl/(certs|private)/.*snakeoil.*",
    "update-passwd": r"/etc/(passwd|group|shadow|gshadow)-?",
    "install-docs": r"/etc/doc-base/.*",
}
#: Programs that make or remove accounts: the changed names must be explained too before the files are.
ACCOUNT_TOOLS = frozenset(
    {
        *(
            "adduser",
            "useradd",
            "addgroup",
            "groupadd",
            "usermod",
            "groupmod",
            "deluser",
            "userdel",
            "delgroup",
            "groupdel",
        ),
        *("systemd-sysusers", "update-passwd"),
    }
)
#: The files that those write together with passwd and group.
ACCOUNT_FILES = frozenset({"/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid"})

_COMPILED = {tool: re.compile(pattern) for tool, pattern in TOOL_FILES.items()}


def tool_of(path: str, tools: Mapping[str, str]) -> str:
    """The tool among those that the scripts call which writes this path; empty when none does."""
    return next((tool for tool in sorted(tools) if tool in _COMPILED and _COMPILED[tool].fullmatch(path)), "")

"""Notices as one short plain message: the verdict first, the same change on many hosts in one line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from bootkeep.facts.notice import Message, Notice, NoticeKind
from bootkeep.reports.fleet_names import host_page, transaction_page
from bootkeep.reports.printable import printable

#: A message names so many hosts of one line, and has so many lines; the rest is counted and stands on the pages.
_NAMED, _LINES = 5, 30
_LONGEST = 300
_LEADS = {
    NoticeKind.NO_GO: "NO-GO: do not reboot",
    NoticeKind.HOOK_MISSED: "Hook missed: packages changed unseen",
    NoticeKind.WEAKENED: "Security weakened",
    NoticeKind.RUNBOOK_OVERDUE: "Runbook overdue",
}
_WORDS = {
    NoticeKind.NO_GO: "NO-GO",
    NoticeKind.HOOK_MISSED: "hook missed",
    NoticeKind.WEAKENED: "security weakened",
    NoticeKind.RUNBOOK_OVERDUE: "runbook overdue",
}


def compose_message(notices: Iterable[Notice], *, destination: str, pages: str = "") -> Message:
    """One message of these notices. Its id depends on them and the destination only."""
    sorted_notices = tuple(sorted(notices, key=lambda one: (one.kind.rank, one.key, one.host, one.at)))
    names = "\0".join((destination, *(one.id for one in sorted_notices)))
    lines = list(_lines(sorted_notices, pages.rstrip("/")))
    if pages:
        lines += ["", f"All hosts: {pages.rstrip('/')}/index.html"]
    return Message(
        id=hashlib.sha256(names.encode()).hexdigest()[:32],
        subject=_subject(sorted_notices),
        text="\n".join(lines) + "\n",
        verdict=_WORDS[sorted_notices[0].kind],
        notices=sorted_notices,
    )


def _subject(notices: Sequence[Notice]) -> str:
    """``NO-GO: 2 hosts; security weakened: 37 hosts``."""
    parts = []
    for kind in NoticeKind:
        hosts = {one.host for one in notices if one.kind is kind}
        if hosts:
            who = _clean(next(iter(hosts)))[:80] if len(hosts) == 1 else f"{len(hosts)} hosts"
            parts.append(f"{_WORDS[kind]}: {who}")
    return "; ".join(parts)


def _lines(notices: Sequence[Notice], pages: str) -> Iterator[str]:
    room = _LINES
    for kind in NoticeKind:
        groups: dict[str, list[Notice]] = {}
        for one in notices:
            if one.kind is kind:
                groups.setdefault(one.key, []).append(one)
        if not groups:
            continue
        if room < _LINES:
            yield ""
        yield _LEADS[kind]
        several = sorted(groups.values(), key=lambda group: (-len({one.host for one in group}), group[0].sentence))
        shown = several[: max(1, room)]  # no kind goes without a line
        for group in shown:
            yield from _group(group, pages)
        room -= len(shown)
        if len(several) > len(shown):
            yield f"  and {len(several) - len(shown)} more of this kind"


def _group(group: Sequence[Notice], pages: str) -> Iterator[str]:
    hosts = sorted({one.host for one in group})
    sentence = _clean(group[0].sentence)[:_LONGEST]
    who = _clean(hosts[0])[:80] if len(hosts) == 1 else f"{len(hosts)} hosts"
    yield f"  {who}: {sentence}"
    if len(hosts) > 1:
        named = ", ".join(_clean(host)[:80] for host in hosts[:_NAMED])
        more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
        yield f"    {named}{more}"
    elif pages:
        one = max(group, key=lambda each: each.at)
        page = transaction_page(one.host, one.transaction) if one.transaction else host_page(one.host)
        yield f"    {pages}/{quote(page)}"


def _clean(text: str) -> str:
    """One line of visible characters: what a minion said cannot become a header, a line or a colour of its own."""
    return printable(" ".join(text.split()))

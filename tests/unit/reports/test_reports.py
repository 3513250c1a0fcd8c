"""Rendering: golden pages, hostile content, and the published schema.

After a change that is wanted: ``UPDATE_GOLDEN=1 pytest tests/unit/reports``, and look at the difference before committing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import markupsafe
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bootkeep.compare.whole import compare_all
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity, Comparison, NotCompared
from bootkeep.facts.codec import from_json
from bootkeep.facts.config_copy import Restored
from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.facts.unknown import Unknown
from bootkeep.reports.compose import compose
from bootkeep.reports.document import Link, Mark, Report, SinceLast
from bootkeep.reports.headline import summarize
from bootkeep.reports.html import render_html, whole
from bootkeep.reports.index import IndexEntry, IndexPage, render_index
from bootkeep.reports.json import render_json
from bootkeep.reports.line_diff import Budget, difference
from bootkeep.reports.printable import printable
from bootkeep.reports.terminal import render_terminal
from bootkeep.reports.text import render_text
from bootkeep.reports.views import file_diffs, side_by_side
from unit.compare.example_host import PACKAGES, TRANSACTION, after, before, process
from unit.reports.example_report import example_report
from unit.reports.json_schema import problems

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE.parents[2] / "docs/reference/schemas/report-1.json").read_text())
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202eevil\udcff{{7*7}}[bold]\"'&"


def quiet_report(*, outcome: Outcome = Outcome.DONE, comparison: Comparison | None = None) -> Report:
    return compose(
        replace(TRANSACTION, outcome=outcome, steps=()),
        before(),
        before(),
        comparison or Comparison(()),
        Verdict(Judgement.GO, ()),
        host="web-07",
        generated_at="2026-11-23T17:05:00Z",
        tool_version="0.1.0",
    )


def hostile_report() -> Report:
    now = after()
    assert isinstance(now.processes, tuple)
    now = replace(now, processes=(*now.processes, process(2000, f"/tmp/{HOSTILE}", HOSTILE, unit=HOSTILE, start=999)))
    return compose(
        replace(TRANSACTION, outcome_detail=HOSTILE),
        before(),
        now,
        compare_all(before(), now, packages=PACKAGES),
        Unknown(HOSTILE),
        host=HOSTILE,
        copies_before={"/etc/ssh/sshd_config": HOSTILE.encode("utf-8", "surrogateescape")},
        copies_after={"/etc/ssh/sshd_config": b"x"},
        generated_at="now",
        tool_version="0",
    )


@pytest.mark.parametrize(
    ("name", "render"), [("report.html", render_html), ("report.txt", render_text), ("report.json", render_json)]
)
def test_the_example_is_as_it_was_looked_at(name: str, render: object) -> None:
    assert callable(render)
    golden = HERE / "golden" / name
    text = render(example_report())
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_the_headline_says_what_matters_first() -> None:
    headline = example_report().headline
    assert headline.startswith("openssh-server 9.2p1-2+deb12u7 replaced sshd_config; ")
    assert "port 2222 opened" in headline
    assert "NO-GO: the files of the running kernel" in headline


def test_an_empty_report_says_so() -> None:
    assert quiet_report().headline == "nothing changed. GO: every check passed."
    assert "Nothing changed" in render_html(quiet_report())


def test_what_could_not_be_compared_is_not_called_unchanged() -> None:
    report = quiet_report(comparison=Comparison((), (NotCompared("process", "denied"),)))
    assert "not everything could be compared" in report.headline
    assert "process" in render_text(report) and "denied" in render_html(report)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.INTERRUPTED, Outcome.OPEN])
def test_an_outcome_that_is_not_done_comes_first(outcome: Outcome) -> None:
    assert quiet_report(outcome=outcome).headline.startswith("The ")


def test_an_unknown_verdict_is_never_go() -> None:
    report = hostile_report()
    assert report.verdict.word == "UNKNOWN"
    assert 'class="banner UNKNOWN ' in render_html(report)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "br", "link", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"


@pytest.mark.parametrize(
    "report", [example_report(), hostile_report(), quiet_report()], ids=["example", "hostile", "quiet"]
)
def test_the_page_is_whole_and_asks_nobody_for_anything(report: Report) -> None:
    page = _Page()
    page.feed(render_html(report))
    assert page.open == []
    assert not {"img", "link", "iframe", "object", "form", "a"} & set(page.tags)
    assert page.tags.count("script") == 1  # our own, whose digest the page's policy names
    assert not [value for name, value in page.attributes if name.startswith("on") or name in {"src", "href"}]


@pytest.mark.parametrize("render", [render_html, render_text])
def test_hostile_text_is_spelled_out(render: object) -> None:
    assert callable(render)
    text = render(hostile_report())
    assert "\x1b" not in text and "\u202e" not in text
    assert "\\x1b" in text and "\\u202e" in text and "\\xff" in text
    text.encode("utf-8")
    assert "{{7*7}}" in text  # never a template
    if render is render_html:
        assert text.count("<script") == 1 and text.count("</script") == 1
        assert "alert(1)" not in text.partition("<script")[2].partition("</script")[0]


def test_the_pages_policy_lets_its_own_script_run_and_no_other() -> None:
    page = render_html(example_report())
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "unsafe-inline" not in page.partition("script-src")[2].partition(">")[0]
    assert 'class="find" hidden' in page  # without the script there is no dead box


@pytest.mark.parametrize(
    ("transaction", "words"),
    [
        (
            replace(
                TRANSACTION,
                outcome=Outcome.REFUSED,
                outcome_detail="REFUSED, nothing was changed: removing linux-image-1 would take away the kernel 1.",
                advice="apt-mark hold linux-image-1",
            ),
            "The guard REFUSED this transaction, nothing was changed: removing linux-image-1 would take away the kernel 1; "
            "do this instead: apt-mark hold linux-image-1",
        ),
        (
            replace(TRANSACTION, preserved=("6.1.0-26-amd64_6.1.112-1",)),
            "kernel 6.1.0-26-amd64 was replaced in place, the build of 6.1.0-26-amd64 from before is preserved; "
            "boots next: 6.1.0-26-amd64",
        ),
    ],
    ids=["refused", "preserved"],
)
def test_the_headline_of_a_refusal_and_of_a_kernel(transaction: Transaction, words: str) -> None:
    report = compose(
        transaction,
        before(),
        after(),
        compare_all(before(), after(), packages=PACKAGES),
        Unknown("x"),
        boots_next="6.1.0-26-amd64",
        host="web-07",
        generated_at="now",
        tool_version="0",
    )
    assert words in report.headline
    assert words in " ".join(render_text(report).split("\n")[0:1])


def test_what_changed_since_the_last_transaction_and_what_was_put_back_is_told() -> None:
    example = example_report()
    drifted = replace(example.changes[0], change_class=ChangeClass.DRIFT, sentence="somebody turned the key")
    report = replace(
        example,
        since_last=SinceLast("20261122T000000Z-00000000", ("settled then", "pre now"), (drifted,)),
        restored=(Restored("/etc/x", "2026-11-23T18:00:00Z", "ada", "/etc/x.bootkeep-old", True),),
    )
    with open(os.devnull, "w") as sink:
        console = Console(width=100, record=True, file=sink)
        console.print(render_terminal(report))
        terminal = console.export_text()
    for text in (render_text(report), render_html(report), render_json(report), terminal):
        assert "somebody turned the key" in text and "/etc/x.bootkeep-old" in text
    assert problems(json.loads(render_json(report)), SCHEMA, SCHEMA) == []
    nothing = replace(report, since_last=SinceLast("", ("", ""), (), "this is the first transaction on record"))
    assert "This is the first transaction on record." in render_text(nothing)


def test_the_terminal_takes_nothing_for_markup() -> None:
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with console.file:
        console.print(render_terminal(hostile_report()))
        text = console.export_text()
    assert "[bold]" in text and "\x1b[31m" not in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_terminal_keeps_its_width(width: int) -> None:
    with open(os.devnull, "w") as sink:
        console = Console(width=width, record=True, file=sink)
        console.print(render_terminal(example_report()))
        assert max(len(line) for line in console.export_text().splitlines()) <= width


@pytest.mark.parametrize(
    "report", [example_report(), hostile_report(), quiet_report()], ids=["example", "hostile", "quiet"]
)
def test_json_fits_its_schema_and_comes_back(report: Report) -> None:
    text = render_json(report)
    assert problems(json.loads(text), SCHEMA, SCHEMA) == []
    if report.phases:
        again = from_json(Report, text, where="test")
        assert again.headline == report.headline
        assert again.changes == report.changes


def test_the_schema_check_can_fail() -> None:
    plain = json.loads(render_json(example_report()))
    assert problems({**plain, "surprise": 1}, SCHEMA, SCHEMA) == ["$: surprise is not described"]
    assert problems({**plain, "headline": 1}, SCHEMA, SCHEMA) == ["$.headline: int instead of string"]
    plain["sections"][0]["changes"][0]["severity"] = "mild"
    assert len(problems(plain, SCHEMA, SCHEMA)) == 1


def test_secrets_in_copied_files_are_not_shown() -> None:
    report = example_report()
    for text in (render_html(report), render_text(report), render_json(report)):
        assert "hunter2" not in text and "hunter3" not in text
        assert "u:pw@" not in text


def test_a_file_that_may_hold_secrets_is_only_named() -> None:
    (example,) = [c for c in example_report().changes if c.key == "/etc/default/ssh"]
    key: Change = replace(example, key="/etc/ssl/private/x.key")
    (diff,) = file_diffs([key], {key.key: b"topsecret"}, {key.key: b"topsecret2"})
    assert diff.unified == () and diff.side == () and "secrets" in diff.note


@pytest.mark.parametrize(
    ("was", "now", "note"),
    [
        (None, b"x", "no copy"),
        (b"x", None, "no copy"),
        (b"\0", b"x", "not a text"),
        (b"a\n" * 9000, b"b", "longer than"),
    ],
)
def test_why_a_content_is_not_shown(was: bytes | None, now: bytes | None, note: str) -> None:
    (example,) = [c for c in example_report().changes if c.key == "/etc/default/ssh"]
    before, after = ({example.key: content} if content is not None else {} for content in (was, now))
    (diff,) = file_diffs([example], before, after)
    assert note in diff.note and not diff.unified


lines = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=8)


@given(lines, lines)
def test_side_by_side_loses_no_difference(old: list[str], new: list[str]) -> None:
    rows = side_by_side(old, new, difference(old, new, Budget()))
    if old == new:
        assert rows == ()
    removed = sum(1 for row in rows if row.mark in {Mark.REMOVED, Mark.CHANGED})
    added = sum(1 for row in rows if row.mark in {Mark.ADDED, Mark.CHANGED})
    assert len(new) - len(old) == added - removed


@given(st.text())
def test_printable_text_is_one_visible_line(text: str) -> None:
    shown = printable(text)
    assert "\n" not in shown and "\x1b" not in shown
    assert printable(shown) == shown


@given(st.text(max_size=60))
@settings(max_examples=25)
def test_any_text_makes_a_whole_page(text: str) -> None:
    page = _Page()
    page.feed(render_html(replace(example_report(), host=text, summary=text)))
    assert page.open == []


def test_the_index_links_only_what_is_beside_it() -> None:
    entry = IndexEntry(
        "install",
        HOSTILE,
        "done",
        (Link("a/r.html", "HTML"), Link("javascript:alert(1)", "bad"), Link("//evil/x", "bad")),
        2,
    )
    text = render_index(IndexPage("web-07", "NO-GO", "NO-GO: x", (Link("runbook.pdf", "PDF"),), (entry,), "now"))
    assert 'href="a/r.html"' in text and 'href="runbook.pdf"' in text
    assert "javascript:" not in text and "//evil" not in text and "<script>" not in text


@pytest.mark.parametrize(
    ("text", "wholes"),
    [
        ("openssh-server 1:9.2p1-2+deb12u7 replaced sshd_config; port 2222 opened", ["1:9.2p1-2+deb12u7"]),
        ("boots next: 6.1.0-56-cloud-amd64.", ["6.1.0-56-cloud-amd64"]),
        ("tcp 0.0.0.0:2222 (was 0.0.0.0:22)", ["0.0.0.0:2222", "0.0.0.0:22"]),
        ("port 22, 3 units; /usr/lib/9.1-2/x and lib-2.0 stay as they are", []),
        ("<b>2.10-3</b> 1.0~rc1 <i>", ["1.0~rc1"]),
    ],
)
def test_versions_stay_whole_on_a_phone_and_nothing_becomes_markup(text: str, wholes: list[str]) -> None:
    html = str(whole(text))
    assert re.findall(r'<span class="whole">(.*?)</span>', html) == wholes
    bare = html.replace('<span class="whole">', "").replace("</span>", "")
    assert bare == str(markupsafe.escape(text))


@pytest.mark.parametrize(
    ("family", "key", "rule", "after", "words"),
    [
        ("authorized key", "root SHA256:hRX", "ssh-key-added", "ssh-ed25519", "a new SSH key lets in as root"),
        ("password state", "anna", "password-weakened", "none, changed on day 20787", "anna needs no password"),
        ("password state", "anna", "password-weakened", "set (md5crypt)", "told below"),
        (
            "pam",
            "common-auth: auth pam_permit.so",
            "pam-weakened",
            "sufficient; required",
            "PAM of common-auth weakened",
        ),
    ],
)
def test_the_headline_is_shorter_than_the_line_below(family: str, key: str, rule: str, after: str, words: str) -> None:
    change = Change(
        family=family,
        key=key,
        kind=ChangeKind.CHANGED,
        before="x",
        after=after,
        change_class=ChangeClass.SECURITY_WEAKENED,
        severity=ChangeSeverity.HIGH,
        package="",
        expected=False,
        sentence="told below; by nobody",
        rule=rule,
    )
    assert summarize(TRANSACTION, [change]) == words

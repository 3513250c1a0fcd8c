"""The fleet's site in a real browser, opened from the disk as an administrator without a web server would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from bootkeep.edges.run import run
from bootkeep.facts.fleet_overview import FleetHost, FleetTransaction
from bootkeep.fleet.pages import write_pages
from bootkeep.lab.chromium import Chromium, chromium
from bootkeep.lab.made_fleet import MadeFleet
from fleet.hostile import HOSTILE, hostile_fleet

NOW = "2026-11-24T12:00:00Z"
#: The least contrast of text against what is behind it (WCAG 2.2, 1.4.3 AA), worked out in the page from what it really shows.
CONTRAST = """(() => {
  const rgb = text => { const m = text.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const linear = v => v / 255 <= .04045 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const behind = el => {
    for (let at = el; at; at = at.parentElement) { const c = rgb(getComputedStyle(at).backgroundColor); if (c[3] === 1) return c; }
    return [255, 255, 255, 1]; };
  const bad = new Set();
  for (const el of document.querySelectorAll('body *')) {
    if (![...el.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !el.getClientRects().length) continue;
    if (el.closest('svg,script,style,option')) continue;
    const a = light(rgb(getComputedStyle(el).color)), b = light(behind(el));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.add(el.tagName + '.' + el.className + ' ' + ratio.toFixed(2));
  }
  return [...bad];
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """One for all; a page of one test is nothing to the next."""
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet of 60 hosts."""
    root = tmp_path_factory.mktemp("fleet") / "site"
    write_pages(MadeFleet(60, 30, days=30, reports=60), root, now=NOW)
    return root


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,000 hosts and 50,000 transactions; few reports, they are opened one at a time anyway."""
    root = tmp_path_factory.mktemp("large") / "site"
    write_pages(MadeFleet(1000, 50, reports=20), root, now=NOW)
    return root


def open_page(browser: Chromium, page: Path) -> None:
    """Go there with nothing on record."""
    browser.complaints.clear()
    browser.dialogs.clear()
    browser.requests.clear()
    browser.size(1400, 900)
    browser.look()
    browser.open(f"file://{page}")


def every_kind(site: Path) -> list[Path]:
    """One page of each kind."""
    host = sorted((site / "hosts").iterdir())[0]
    report = sorted((site / "hosts").glob("*/t-*.html"))[0]
    day = sorted((site / "timeline").iterdir())[-1]
    return [site / "index.html", site / "timeline.html", day, host / "index.html", report]


def quiet(browser: Chromium) -> None:
    """No script of somebody else's, nothing asked of a network, nothing that the policy had to stop."""
    assert browser.dialogs == []
    assert browser.complaints == []
    assert [each for each in browser.requests if not each.startswith(("file:", "data:", "about:"))] == []


def test_pages_ask_nobody_and_break_no_policy(browser: Chromium, site: Path) -> None:
    """Opened from a disk, with scripts on, also the search's data."""
    for page in every_kind(site):
        open_page(browser, page)
        quiet(browser)
        # On a screen as wide as a phone nothing has to be pushed sideways.
        browser.size(360, 780, phone=True)
        assert browser.run("document.documentElement.scrollWidth") <= 360, page.name


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_in_both_themes(browser: Chromium, site: Path, dark: bool) -> None:
    """4.5 to 1 everywhere."""
    for page in every_kind(site):
        open_page(browser, page)
        browser.look(dark=dark)
        assert browser.run(CONTRAST) == [], page.name


def test_hostile_words_run_nothing(browser: Chromium, tmp_path: Path) -> None:
    """Every page of a fleet in which every text is an attack; the search, which builds rows by script, too."""
    root = tmp_path / "site"
    write_pages(hostile_fleet(), root, now=NOW)
    pages = sorted(root.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        open_page(browser, page)
        quiet(browser)
        assert browser.run("document.querySelectorAll('img,iframe,[onerror],[onmouseover],[onload]').length") == 0
        links = browser.run(
            "[...document.querySelectorAll('a')].map(a => new URL(a.getAttribute('href') || '#', location).protocol)"
        )
        assert set(links) <= {"file:"}, page.name
    open_page(browser, root / "timeline.html")
    browser.run("document.getElementById('verdict').value = 'UNKNOWN'")
    browser.run(
        "document.getElementById('find').value = 'onerror=alert(2)'; document.getElementById('search').requestSubmit()"
    )
    browser.run("document.getElementById('verdict').value = ''; document.getElementById('search').requestSubmit()")
    browser.wait("/^\\d+ transactions$/.test(document.getElementById('told').textContent)")
    assert browser.run("document.querySelectorAll('#answers tbody tr').length") == 13
    assert "onerror=alert(2)" in browser.run("document.getElementById('answers').textContent")
    quiet(browser)
    # The address is the visitor's, or that of whoever sent the link.
    open_page(browser, root / "index.html")
    browser.open(f"file://{root}/index.html#q=%3Cimg%20src=x%20onerror=alert(9)%3E&f=nosuch&%E0%A4%A")
    assert browser.run("document.getElementById('find').value") == "<img src=x onerror=alert(9)>"
    quiet(browser)


def test_a_script_in_a_page_would_be_stopped(browser: Chromium, site: Path, tmp_path: Path) -> None:
    """The policy, should escaping ever fail: this test breaks it on purpose, and sees that the browser says no."""
    text = (site / "index.html").read_text()
    broken = tmp_path / "broken.html"
    broken.write_text(
        text.replace("</main>", "<script>alert('ran')</script><img src=x onerror=\"alert('ran')\"></main>")
    )
    open_page(browser, broken)
    assert browser.dialogs == []
    assert any("Content Security Policy" in each for each in browser.complaints)


def shown(browser: Chromium) -> list[str]:
    """Names of the hosts whose rows are to be seen."""
    rows = "[...document.querySelectorAll('#lines tbody tr:not([hidden]) th')].map(th => th.querySelector('a').textContent)"
    return list(browser.run(rows))


def test_the_keyboard_is_enough(browser: Chromium, site: Path) -> None:
    """Skip link, find, walk the rows, open one, sort, press a tile; the focus is to be seen all the way."""
    open_page(browser, site / "index.html")
    browser.key("Tab", code=9)
    assert browser.run("document.activeElement.className") == "skip"
    assert browser.run("document.activeElement.getBoundingClientRect().left") >= 0
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    browser.key("/", text="/", code=191)
    assert browser.run("document.activeElement.id") == "find"
    browser.type("db01.ams")
    assert shown(browser) == ["db01.ams.example.com"]
    assert browser.run("document.getElementById('told').textContent") == "1 of 60 match"
    browser.key("ArrowDown", code=40)
    assert browser.run("document.activeElement.textContent") == "db01.ams.example.com"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    browser.key("Enter", text="\r", code=13)
    browser.wait("document.readyState === 'complete' && /Reboot/.test(document.querySelector('h1')?.textContent)")
    assert unquote(browser.run("location.pathname")).endswith("hosts/db01.ams.example.com/index.html")
    browser.run("history.back()")
    browser.wait("document.readyState === 'complete' && document.getElementById('find')?.value === 'db01.ams'")
    assert shown(browser) == ["db01.ams.example.com"]
    browser.run("document.getElementById('find').focus()")
    browser.key("Escape", code=27)
    assert len(shown(browser)) == 60
    browser.run("document.querySelector('#lines thead button').focus()")
    browser.key("Enter", text="\r", code=13)
    assert browser.run("document.querySelector('#lines th').getAttribute('aria-sort')") == "ascending"
    names = shown(browser)
    assert names == sorted(names)
    browser.run("document.querySelector('ul.tiles button').focus()")
    browser.key("Enter", text="\r", code=13)
    assert browser.run("document.querySelector('ul.tiles button').getAttribute('aria-pressed')") == "true"
    assert len(shown(browser)) == int(browser.run("document.querySelector('ul.tiles strong').textContent"))


def test_landmarks_and_tables_say_what_they_are(browser: Chromium, site: Path) -> None:
    """As the browser itself tells a screen reader: also where a phone shows the rows as cards."""
    for width in (1400, 390):
        open_page(browser, site / "index.html")
        browser.size(width, 900)
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        roles = [node["role"]["value"] for node in nodes if not node.get("ignored")]
        assert {
            "main",
            "navigation",
            "table",
            "row",
            "rowheader",
            "columnheader",
            "cell",
            "searchbox",
            "heading",
        } <= set(roles), width
        assert roles.count("main") == 1
        unnamed = [
            node["role"]["value"]
            for node in nodes
            if not node.get("ignored")
            and node["role"]["value"] in {"link", "button", "searchbox", "table"}
            and not node.get("name", {}).get("value")
        ]
        assert unnamed == []


def test_a_printed_table_has_its_heads_on_every_page(browser: Chromium, site: Path, tmp_path: Path) -> None:
    """And every host on one of them."""
    open_page(browser, site / "index.html")
    browser.paper(tmp_path / "overview.pdf")
    pages = run(["pdftotext", "-layout", str(tmp_path / "overview.pdf"), "-"], timeout_s=60).stdout.split("\f")[:-1]
    assert 2 <= len(pages) <= 8
    with_rows = [page for page in pages if page.count("amd64") > 3]
    assert with_rows and all("Last heard" in page for page in with_rows[:-1])
    assert "Find a host" not in "".join(pages)


def test_print_shows_every_match_and_no_controls(browser: Chromium, large: Path) -> None:
    """On paper there is no button for more."""
    open_page(browser, large / "index.html")
    assert len(shown(browser)) == 200
    browser.run("dispatchEvent(new Event('beforeprint'))")
    browser.look(paper=True)
    assert len(shown(browser)) == 1000
    assert browser.run("getComputedStyle(document.querySelector('.more')).display") == "none"
    assert browser.run("getComputedStyle(document.querySelector('body > nav')).display") == "none"
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert len(shown(browser)) == 200


def test_a_large_fleet_answers_at_once(browser: Chromium, large: Path) -> None:
    """1,000 hosts, 50,000 transactions. The limits are wide, for a machine that is busy; bench/ measures."""
    open_page(browser, large / "index.html")
    load = browser.open(f"file://{large}/index.html")
    find = "const f = document.getElementById('find'); f.value = 'db no-go'; f.dispatchEvent(new Event('input'));"
    keystroke = browser.timed(find)
    assert all(name.startswith("db") for name in shown(browser))
    sort = browser.timed("document.querySelectorAll('#lines thead button')[2].click();")
    timeline = browser.open(f"file://{large}/timeline.html")
    search = browser.timed(
        "document.getElementById('find').value = 'sshd_config web'; document.getElementById('search').requestSubmit();"
    )
    started = browser.run("performance.now()")
    browser.wait("/^\\d+ transactions(?!.*searching)/.test(document.getElementById('told').textContent)")
    whole = browser.run("performance.now()") - started + search
    assert browser.run("document.querySelectorAll('#answers tbody tr').length") > 10
    assert "50000 transactions" in browser.run("document.querySelector('.eyebrow').textContent")
    biggest = max((path.stat().st_size, path.name) for path in large.rglob("*.*") if ".bootkeep" not in path.parts)
    told = {
        "load_s": load,
        "keystroke_ms": keystroke,
        "sort_ms": sort,
        "timeline_s": timeline,
        "search_50000_ms": whole,
        "biggest": biggest,
    }
    print(json.dumps(told))
    assert load < 8 and timeline < 8, told
    assert keystroke < 800 and sort < 2500, told
    assert whole < 12000, told
    assert biggest[0] < 1_500_000, told


def test_without_its_script_a_page_says_everything(browser: Chromium, site: Path) -> None:
    """All rows, all links; what only a script can do is not offered."""
    browser.scripts(False)
    try:
        open_page(browser, site / "index.html")
        assert browser.run("document.querySelectorAll('#lines tbody tr:not([hidden])').length") == 60
        assert browser.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
        assert browser.run("document.querySelectorAll('button:not(#more)').length") == 0
    finally:
        browser.scripts(True)


def test_the_hostile_text_is_the_one_that_is_shown(browser: Chromium, tmp_path: Path) -> None:
    """Escaping must not swallow what somebody has to see."""
    write_pages(hostile_fleet(), tmp_path / "site", now=NOW)
    open_page(browser, tmp_path / "site/index.html")
    assert HOSTILE[:60] in browser.run("document.body.textContent")


@pytest.mark.parametrize("width", [360, 1400])
def test_a_long_name_pushes_no_verdict_out_of_sight(browser: Chromium, tmp_path: Path, width: int) -> None:
    """A minion id of 250 characters, a kernel, a system and a sentence as long: beside them the others stand as ever."""
    name, text = f"{'w' * 200}.{'example-' * 6}", "שלום " + "z" * 400
    fleet = MadeFleet(3, 2, days=2, reports=1)
    kinds: dict[str, Any] = {
        "running": text,
        "system": text,
        "verdict_sentence": text,
        "problem": text,
        "runbook_moved": text,
    }
    fleet.replace_hosts([*fleet.hosts(), FleetHost(name, "NO-GO", heard_at=NOW, **kinds)])
    fleet.add(
        FleetTransaction("20261124T100000Z-00000001", name, "2026-11-24T10:00:00Z", headline=text, has_report=False)
    )
    write_pages(fleet, tmp_path / "site", now=NOW)
    for page in sorted((tmp_path / "site").rglob("*.html")):
        open_page(browser, page)
        browser.size(width, 900, phone=width < 500)
        assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page
        assert browser.run("[...document.querySelectorAll('.scroll')].every(s => s.scrollWidth <= s.clientWidth)"), page

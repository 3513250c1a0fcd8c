"""A report as one self-contained HTML page: no request to anywhere, whole without its script; dark, light, phone, paper."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2
import markupsafe

from bootkeep.reports.document import Link, Mark, Report
from bootkeep.reports.printable import printable
from bootkeep.reports.text import compared_words, restored_words, since_words


def _finalize(value: Any) -> Any:
    """Every value that is put into a page: odd characters spelled out; the rest is escaped by Jinja itself."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


#: A version, a kernel release, an address or a time between blanks or brackets: it begins with a digit, and has inner signs.
_WHOLE = re.compile(r"(?<![^\s(\[])\d(?=[\w.+~:-]*[.+~:-])[\w.+~:-]*[\w](?![\w/])")


def whole(text: str) -> markupsafe.Markup:
    """Text in which a version is not broken at its hyphens, as long as it fits into a line. Escaped."""
    plain = printable(text)
    parts: list[markupsafe.Markup] = []
    start = 0
    for found in _WHOLE.finditer(plain):
        parts.append(markupsafe.escape(plain[start : found.start()]))
        parts.append(markupsafe.Markup('<span class="whole">{}</span>').format(found[0]))
        start = found.end()
    return markupsafe.Markup("").join((*parts, markupsafe.escape(plain[start:])))


@cache
def environment() -> jinja2.Environment:
    """The templates of this package. Escaping is on for all of them, and an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("bootkeep.reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["whole"] = whole
    return made


#: The search box: hides the lines that do not hold every word, opens what is folded around those that do. The page says
#: everything without it; the box itself appears only where the script runs.
SCRIPT = """(function () {
  var box = document.getElementById("find"), told = document.getElementById("found");
  var rows = document.querySelectorAll("ul.changes > li, table.side tbody tr, table.list tbody tr, #restored li, #not-compared li");
  var folds = document.querySelectorAll("details"), were = [];
  folds.forEach(function (fold) { were.push(fold.open); });
  box.parentNode.hidden = false;
  box.addEventListener("input", function () {
    var words = box.value.toLowerCase().split(/ +/).filter(Boolean), count = 0;
    rows.forEach(function (row) {
      var text = row.textContent.toLowerCase();
      var hit = words.every(function (word) { return text.indexOf(word) >= 0; });
      row.classList.toggle("miss", !hit);
      if (hit && words.length) { count += 1; }
    });
    folds.forEach(function (fold, at) {
      fold.open = words.length ? fold.querySelector("li:not(.miss), tbody tr:not(.miss)") !== null : were[at];
    });
    told.textContent = words.length ? count + (count === 1 ? " line" : " lines") : "";
  });
  window.addEventListener("beforeprint", function () { folds.forEach(function (fold) { fold.open = true; }); });
  window.addEventListener("afterprint", function () { box.dispatchEvent(new Event("input")); });
})();
"""
#: The page's policy lets this script run and no other, whatever a machine's text would smuggle in.
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()


def render_html(report: Report, *, trail: Sequence[Link] = ()) -> str:
    """The page. Text from the machine cannot become markup: it is escaped where it is put in.

    ``trail``: where the page belongs, as links on top; none on a host, the fleet's pages on a master.
    """
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            trail=trail,
            marks=Mark,
            restored_words=restored_words,
            since_words=since_words,
            compared=compared_words(report),
            script=SCRIPT,
            script_hash=_SCRIPT_HASH,
        )
    )

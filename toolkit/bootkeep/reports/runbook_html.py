"""The runbook as one HTML file: nothing is loaded from anywhere, light and dark, and it prints like the paper."""

from __future__ import annotations

from html import escape

from bootkeep.facts.runbook import Blank, Box, Bullets, Item, Listing, Runbook, RunbookStep, Section, Table, Text
from bootkeep.reports.runbook_text import otherwise_words, then_words

_STYLE = """
:root { color-scheme: light dark; --ink: #111; --paper: #fff; --soft: #f1f1ef; --line: #888; --go: #0b57d0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e6; --paper: #161616; --soft: #242424; --line: #777; --go: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 56rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.45 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: .2rem 0; } .meta { font-family: monospace; font-size: .9rem; }
nav { display: flex; flex-wrap: wrap; gap: .4rem; margin: 1rem 0; } nav a { padding: .2rem .6rem; border: 1px solid var(--line);
  border-radius: .3rem; text-decoration: none; }
a { color: var(--go); } section { margin: 2rem 0; scroll-margin-top: 1rem; }
h2 { background: var(--ink); color: var(--paper); padding: .3rem .6rem; font-size: 1.15rem; display: flex; gap: 1rem; }
h2 .time { margin-left: auto; font-weight: normal; font-size: .85rem; align-self: center; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; } th, td { border: 1px solid var(--line); padding: .25rem .5rem;
  text-align: left; vertical-align: top; overflow-wrap: break-word; } td:empty { height: 1.8rem; }
.scroll { overflow-x: auto; }
.box { border: 2px solid var(--ink); padding: .5rem .8rem; margin: .8rem 0; }
.step { margin: 1rem 0; padding-left: .8rem; border-left: 4px solid var(--line); break-inside: avoid; }
.step .say { display: flex; gap: .6rem; align-items: baseline; } .step b.id { min-width: 3rem; }
.place { font: bold .75rem monospace; border: 1px solid var(--ink); padding: 0 .3rem; white-space: nowrap; }
pre { background: var(--soft); padding: .5rem .7rem; margin: .4rem 0; overflow-x: auto;
  font: .92rem/1.4 "DejaVu Sans Mono", monospace; }
pre.fact { font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: 4.5rem 1fr; gap: .15rem .6rem; margin: .3rem 0; }
dt { font-weight: bold; } dd { margin: 0; }
.write { border-bottom: 1px solid var(--ink); height: 2rem; }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #fff; --line: #000; --go: #000; }
  body { font-size: 10pt; max-width: none; padding: 0; } nav { display: none; }
  h2 { border: 2px solid #000; color: #000; break-after: avoid; }
  pre { border-left: 3px solid #000; white-space: pre; overflow: visible; font-size: 9pt; } section.page { break-before: page; }
  @page { margin: 14mm; } }
"""


def runbook_html(runbook: Runbook) -> str:
    """The whole page."""
    ids = {section.id for section in runbook.sections}
    links = "".join(f'<a href="#{escape(s.id)}"><b>{escape(s.id)}</b> {escape(s.title)}</a>' for s in runbook.sections)
    body = "".join(_section(section, ids) for section in runbook.sections)
    head = (
        f'<header><h1>Rescue runbook: {escape(runbook.host)}</h1><p class="meta">Written {escape(runbook.generated_at)} '
        f"&middot; document {escape(runbook.document_id)} &middot; fingerprint {escape(runbook.fingerprint.short)}<br>"
        "Replaces all earlier ones. Valid while <code>bootkeep runbook --check</code> says FRESH.</p></header>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Rescue runbook {escape(runbook.host)}</title><style>{_STYLE}</style></head>\n"
        f"<body>{head}<nav>{links}</nav><main>{body}</main></body></html>\n"
    )


def _section(section: Section, ids: set[str]) -> str:
    time = f'<span class="time">time box {section.minutes} min, then CALL</span>' if section.minutes else ""
    title = f"<h2><span>{escape(section.id)}</span><span>{escape(section.title)}</span>{time}</h2>"
    items = "\n".join(_item(item, ids) for item in section.items)
    done = ""
    if section.then and section.steps:
        done = f"<p><b>ALL DONE: {_linked(then_words(section.then), section.then, ids)}</b></p>"
    page = ' class="page"' if section.new_page else ""
    return f'<section id="{escape(section.id)}"{page}>{title}\n{items}\n{done}</section>\n'


def _linked(words: str, targets: tuple[str, ...], ids: set[str]) -> str:
    text = escape(words)
    for target in targets:
        if target in ids and text.endswith(f" {target}"):
            text = f'{text[: -len(target)]}<a href="#{target}">{target}</a>'
    return text


def _item(item: Item, ids: set[str]) -> str:
    match item:
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Bullets(lines):
            return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
        case Box(title, lines):
            return (
                f'<div class="box"><b>{escape(title)}</b>'
                + "".join(f"<p>{escape(line)}</p>" for line in lines)
                + "</div>"
            )
        case Table():
            return _table(item, ids)
        case Listing(title, lines):
            return (
                f'<p><b>{escape(title)}</b></p><pre class="fact">'
                + "\n".join(escape(line) for line in lines)
                + "</pre>"
            )
        case Blank(label, count):
            return f"<p>{escape(label)}:</p>" + '<div class="write"></div>' * count
        case RunbookStep():
            return _step(item, ids)


def _table(table: Table, ids: set[str]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)

    def cell(text: str) -> str:
        link = text if table.targets and text in ids else ""
        return f'<td><a href="#{link}">{link}</a></td>' if link else f"<td>{escape(text)}</td>"

    rows = "".join("<tr>" + "".join(cell(text) for text in row) + "</tr>" for row in table.rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _step(item: RunbookStep, ids: set[str]) -> str:
    step = item.step
    say = (
        f'<div class="say"><input type="checkbox" aria-label="done {escape(item.id)}"><b class="id">{escape(item.id)}</b>'
        f'<span class="place">{escape(step.place.value)}</span><span>{escape(step.say)}</span></div>'
    )
    typed = f"<pre><code>{escape(chr(10).join(step.command))}</code></pre>" if step.command else ""
    rows = [("see", escape(step.expect))] if step.expect else []
    rows.append(("if not", _linked(otherwise_words(item), (item.otherwise,), ids)))
    notes = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows)
    for label in item.blanks:
        notes += f'<dt>READ</dt><dd>READ THIS FROM THE SCREEN: {escape(label)}:<div class="write"></div></dd>'
    if step.undo:
        notes += f"<dt>undo</dt><dd><pre>{escape(chr(10).join(step.undo))}</pre></dd>"
    return f'<div class="step">{say}{typed}<dl>{notes}</dl></div>'

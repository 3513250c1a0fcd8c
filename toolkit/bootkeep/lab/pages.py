"""What the demonstration leaves in ``out/``: reports, the verdict, the runbook in three forms, and a page that links them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.config import load_policy
from bootkeep.edges.files import replace_file
from bootkeep.edges.store import Store
from bootkeep.facts.change import ChangeClass
from bootkeep.facts.codec import from_json
from bootkeep.facts.finding import Judgement
from bootkeep.facts.paper import PaperFacts
from bootkeep.facts.reading import Snapshot
from bootkeep.flows.check import check_readings
from bootkeep.flows.report import build_report, render
from bootkeep.flows.runbook import FORMATS, SUFFIXES, make_runbook, render_runbook
from bootkeep.lab.highstate import Highstate
from bootkeep.lab.host import DisposableHost
from bootkeep.lab.scenarios import Played, Scene
from bootkeep.reports.document import Link
from bootkeep.reports.index import IndexEntry, IndexPage, render_index

#: Salt's Python in the host: what hooks and commands run with there.
PYTHON = "/opt/salt/bin/python3"


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on the host in the end."""

    word: str
    sentence: str
    lines: tuple[str, ...]
    wrong: tuple[str, ...]


def headline(store: Store, transaction_id: str) -> str:
    """The first sentence of a transaction's report."""
    return build_report(store, transaction_id).headline


def write_reports(scene: Scene, played: Played, out: Path) -> list[IndexEntry]:
    """The reports of one scenario's transactions, in three forms."""
    folder = out / "reports"
    folder.mkdir(exist_ok=True)
    entries = []
    for number, transaction in enumerate(played.transactions, start=1):
        report = build_report(scene.store, transaction.id)
        stem = played.scenario.letter + (str(number) if len(played.transactions) > 1 else "")
        links = []
        for form, suffix in (("html", "html"), ("text", "txt"), ("json", "json")):
            name = f"{stem}-{transaction.id}.{suffix}"
            content = render(report, form).encode("utf-8", "backslashreplace")
            replace_file(folder / name, content, mode=0o644)
            links.append(Link(f"reports/{name}", form))
        title = f"({stem}) {played.scenario.title}"
        weakened = sum(1 for change in report.changes if change.change_class is ChangeClass.SECURITY_WEAKENED)
        entries.append(IndexEntry(title, report.headline, transaction.outcome.value, tuple(links), weakened))
    return entries


def verdict_and_runbook(host: DisposableHost, out: Path) -> Judged:
    """``bootkeep check`` as the host says it, and its runbook; the PDF is made here, where the PDF engine is."""
    text = host.run(["bootkeep", "check"], timeout_s=60)
    replace_file(out / "check.txt", (text.stdout + text.stderr).encode(), mode=0o644)
    replace_file(
        out / "check.json", host.run(["bootkeep", "check", "--json"], timeout_s=60).stdout.encode(), mode=0o644
    )
    taken = host.must(["bootkeep", "snapshot", "--boot", "--json"], timeout_s=120)
    snapshot = from_json(Snapshot, taken, where="bootkeep snapshot --boot --json")
    policy = load_policy(host.path("/"))
    result = check_readings(snapshot.readings, policy, taken_at=snapshot.taken_at)
    runbook = make_runbook(result, policy, paper=_paper_of(host))
    for form in FORMATS:
        replace_file(out / f"runbook.{SUFFIXES[form]}", render_runbook(runbook, form), mode=0o644)
    wrong = []
    expected = {Judgement.GO: 0, Judgement.NO_GO: 1, Judgement.UNKNOWN: 3}[result.verdict.judgement]
    if text.exit_code != expected:
        wrong.append(f"'bootkeep check' ended with {text.exit_code}, the recorded snapshot is judged {expected}")
    lines = text.stdout.strip().splitlines()[:12]
    return Judged(result.verdict.judgement.value, result.verdict.sentence, tuple(lines), tuple(wrong))


#: What only the page needs, looked at by the host itself with what is installed there, as ``bootkeep runbook`` does it.
_PAPER = """
from pathlib import Path
from bootkeep.edges.host import LiveHost
from bootkeep.facts.codec import to_json
from bootkeep.flows.runbook import STORE_FOLDER, paper_facts
print(to_json(paper_facts(LiveHost(Path("/")), Path("/") / STORE_FOLDER)))
"""


def _paper_of(host: DisposableHost) -> PaperFacts:
    said = host.must([PYTHON, "-I", "-c", _PAPER], timeout_s=120)
    return from_json(PaperFacts, said, where="paper facts of the host")


def write_index(out: Path, highstate: Highstate, entries: list[IndexEntry], verdict: Judged) -> None:
    """The page that links everything."""
    page = IndexPage(
        host="web01",
        verdict=verdict.word,
        verdict_sentence=verdict.sentence,
        runbook=(Link("runbook.pdf", "PDF"), Link("runbook.html", "HTML"), Link("runbook.txt", "text")),
        entries=tuple(entries),
        generated_at=now_utc(),
        note="; ".join(highstate.lines[:3]),
    )
    replace_file(out / "index.html", render_index(page).encode(), mode=0o644)

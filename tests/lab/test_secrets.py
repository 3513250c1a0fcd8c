"""Show 3: two hundred secrets of twenty kinds on a real host with real transactions; none is in the store or in any report.

What is counted, honestly: everything below /var/lib/bootkeep (records, snapshots, verdicts, copies of configuration, unpacked),
and the text, HTML and JSON of every transaction's report. The secrets stand where programs and people put them: in arguments of
running processes, in packages' configuration, sources, crontabs, units, sudoers, keys.
"""

from __future__ import annotations

import gzip
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootkeep.edges.store import Store
from bootkeep.facts.transaction import Transaction
from bootkeep.flows.report import build_report, render
from bootkeep.lab import highstate
from bootkeep.lab.host import DisposableHost
from lab.debs import Tiny, build, put
from planted_secrets import Planted, planted

pytestmark = pytest.mark.lab

ALL = planted()
_APT = ("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confnew", "install")
#: Files that belong to a package here, as its conffiles: a transaction replaces them, so they are what copies are made of.
SHIPPED = tuple(one for one in ALL if one.path.startswith(("/etc/planted/", "/etc/snmp/", "/etc/docker/")))


def plant(host: DisposableHost, one: Planted) -> None:
    """Put one secret where it belongs."""
    if one.path:
        place = host.path(one.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(one.text)
        place.chmod(0o440 if "sudoers" in one.path else 0o600)
        return
    arguments = " ".join(shlex.quote(argument) for argument in one.argv[1:])
    command = f"exec -a {shlex.quote(one.argv[0])} perl -e 'sleep 100000' -- {arguments}"
    host.must(["systemd-run", "--quiet", "/bin/bash", "-c", command])


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost, tmp_path_factory: pytest.TempPathFactory) -> DisposableHost:
    """The host with all secrets planted, after transactions that replaced the files they are in."""
    done = highstate.run(lab_host)
    assert not done.failed, done.failed
    folder = tmp_path_factory.mktemp("planted")
    shipped = {one.path: ("# as shipped\nverbose = no\n", 0o644) for one in SHIPPED}
    first = put(lab_host, build("planted-config", Tiny(shipped), folder))
    lab_host.must([*_APT, first])
    for one in ALL:
        plant(lab_host, one)
    lab_host.must(["systemctl", "daemon-reload"])
    (folder / "again").mkdir()
    again = dict.fromkeys(shipped, ("# as shipped, second edition\nverbose = no\n", 420))
    lab_host.must([*_APT, "--reinstall", put(lab_host, build("planted-config", Tiny(again), folder / "again"))])
    for one in SHIPPED:
        plant(lab_host, one)  # and once more, so that the next one sees them as they are now
    lab_host.must([*_APT, "--no-install-recommends", "openssh-server"])
    return lab_host


def everything(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the store, unpacked."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield str(path.relative_to(root)), gzip.decompress(content) if path.suffix == ".gz" else content


def leaks(name: str, content: bytes) -> list[str]:
    """Planted secrets in a text, as they are and as JSON writes them."""
    forms = [(one, (one.secret, json.dumps(one.secret)[1:-1], one.secret.replace("/", "\\/"))) for one in ALL]
    return [
        f"{one.kind} {one.path or one.argv} in {name}"
        for one, texts in forms
        if any(t.encode() in content for t in texts)
    ]


def test_the_secrets_are_on_the_host(host: DisposableHost) -> None:
    processes = host.must(["ps", "-eo", "args"])
    for one in ALL:
        if one.path:
            assert one.secret in host.path(one.path).read_text()
        else:
            assert one.secret in processes, one.argv


def test_no_secret_is_in_the_store(host: DisposableHost) -> None:
    found = [leak for name, content in everything(host.path("/var/lib/bootkeep")) for leak in leaks(name, content)]
    assert found == []


def test_no_secret_is_in_any_report(host: DisposableHost) -> None:
    store = Store(host.path("/var/lib/bootkeep"))
    reports = [build_report(store, item.id) for item in store.transactions() if isinstance(item, Transaction)]
    assert len(reports) >= 3
    texts = [(f"{r.subject.id} {form}", render(r, form)) for r in reports for form in ("text", "html", "json")]
    assert [leak for name, text in texts for leak in leaks(name, text.encode("utf-8", "backslashreplace"))] == []
    # And they do say something: what replaced the files is told, with pseudonyms where the secrets stood.
    assert any(re.search(r"\[redacted#[0-9a-f]{10}\]", text) for _name, text in texts)


def test_what_the_commands_print_on_the_host_holds_no_secret(host: DisposableHost) -> None:
    for command in (
        "bootkeep snapshot --json",
        "bootkeep transactions --json",
        "bootkeep diff last now --format json",
        "bootkeep restore-config last",
        "bootkeep report last",
    ):
        done = host.run(["/bin/sh", "-c", command], timeout_s=120)
        assert done.exit_code == 0, done.stderr
        assert leaks(command, (done.stdout + done.stderr).encode("utf-8", "backslashreplace")) == []


def test_a_file_with_a_secret_comes_back_and_the_secret_is_not_shown(host: DisposableHost) -> None:
    one = next(each for each in SHIPPED if each.kind == "package-config")
    ids = Store(host.path("/var/lib/bootkeep")).transaction_ids()
    host.path(one.path).write_text("# by hand\n")
    refused = host.run(["bootkeep", "restore-config", ids[1], one.path, "--apply"])
    assert refused.exit_code == 5 and "changed after the transaction" in refused.stderr, refused.stderr
    done = host.run(["bootkeep", "restore-config", ids[1], one.path, "--apply", "--force"])
    assert done.exit_code == 0, done.stderr
    assert host.path(one.path).read_text() == one.text
    assert one.secret not in refused.stdout + refused.stderr + done.stdout + done.stderr

"""A transaction that no hook saw takes over the copies of the look before it, with what was sealed in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bootkeep.edges.config_copies import read_copies
from bootkeep.edges.kept_copies import add_copies
from bootkeep.edges.redaction_key import make_key
from bootkeep.edges.store import Store
from bootkeep.facts.reading import Readings, Snapshot
from bootkeep.flows.missed import _keep_first_look, _Look
from bootkeep.flows.restore_config import restore
from unit.compare.example_host import TRANSACTION

LATER = "20261123T190000Z-0badcafe"


def test_a_file_with_a_secret_can_be_put_back_from_the_look_before(tmp_path: Path) -> None:
    root, store = tmp_path / "root", Store(tmp_path / "store")
    (root / "etc").mkdir(parents=True)
    conf = root / "etc/app.conf"
    conf.write_text("a=1\npassword=hunter2\n")
    key = make_key(store.root)
    for record in (TRANSACTION, replace(TRANSACTION, id=LATER)):
        store.save_transaction(record)
    add_copies(store, TRANSACTION.id, "post", read_copies(["/etc/app.conf"], root=root, limit_bytes=1000, key=key))
    look = Snapshot("settled", "2026-11-23T18:00:00Z", "host", "boot", Readings({}), "0")
    _keep_first_look(store, LATER, _Look(look, TRANSACTION.id, "settled"))
    conf.write_text("a=2\npassword=hunter2\n")  # by something that no hook saw
    add_copies(store, LATER, "post", read_copies(["/etc/app.conf"], root=root, limit_bytes=1000, key=key))
    restore(store, LATER, ["/etc/app.conf"], root=root)
    assert conf.read_text() == "a=1\npassword=hunter2\n"

"""What the hooks left in a disposable root: the records of its store, and their log."""

from __future__ import annotations

from pathlib import Path

from bootkeep.edges.store import Store
from bootkeep.facts.transaction import Transaction


class Records:
    """Part of every disposable root's class; ``root`` is the folder it lies in."""

    root: Path

    @property
    def store(self) -> Store:
        """Its store, read from outside."""
        return Store(self.root / "var/lib/bootkeep")

    def transactions(self) -> list[Transaction]:
        """All records, oldest first; a damaged one fails the test."""
        items = self.store.transactions()
        for item in items:
            assert isinstance(item, Transaction), item
        return [item for item in items if isinstance(item, Transaction)]

    def only(self) -> Transaction:
        """The one transaction there is."""
        items = self.transactions()
        assert len(items) == 1, (items, self.log())
        return items[0]

    def log(self) -> str:
        """What the hooks logged."""
        path = self.root / "var/log/bootkeep/hook.log"
        return path.read_text() if path.exists() else ""

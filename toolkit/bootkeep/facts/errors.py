"""The errors an operator can act on. Each says what happened, where, and what to do next."""

from __future__ import annotations


class BootkeepError(Exception):
    """Something the operator can act on: raised in the library, turned into an exit code by the command line."""

    def __init__(self, what: str, *, where: str, next_step: str) -> None:
        super().__init__(f"{what} ({where}). {next_step}")
        self.what = what
        self.where = where
        self.next_step = next_step


class NotUnderstood(BootkeepError):
    """A text that a parser could not read. The raw text stays in the snapshot as evidence."""

    def __init__(self, what: str, *, where: str) -> None:
        super().__init__(
            what, where=where, next_step="Keep the snapshot and report it: the reading holds the original text."
        )


class StoreError(BootkeepError):
    """The snapshot store could not be read or written."""


class Refused(BootkeepError):
    """The guard refused a transaction that would have left no bootable last-good kernel."""

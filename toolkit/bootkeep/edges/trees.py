"""Folders with all that is in them."""

from __future__ import annotations

import os


def remove_tree(place: str | os.PathLike[str], *, ignore_errors: bool = False) -> None:
    """Remove a folder and everything below it. Raises OSError, unless told not to."""
    import shutil  # with all its compressors: hooks seldom remove anything, and load what they need only

    shutil.rmtree(place, ignore_errors=ignore_errors)

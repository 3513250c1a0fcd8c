"""What the shims start."""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__":
    # A hook lives for a second: looking for cycles in what it has just read frees nothing. Workers go on for minutes.
    if len(sys.argv) == 3 and sys.argv[1] != "settle":
        gc.disable()
    from bootkeep.hooks.entry import main

    sys.exit(main(sys.argv[1:]))

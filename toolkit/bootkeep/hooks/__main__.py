"""What the shims start."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from bootkeep.hooks.entry import main

    sys.exit(main(sys.argv[1:]))

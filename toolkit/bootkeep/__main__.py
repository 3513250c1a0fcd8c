"""``python -m bootkeep``."""

from bootkeep.cli.app import main

main()

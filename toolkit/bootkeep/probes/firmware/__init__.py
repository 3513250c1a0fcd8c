"""BIOS and UEFI."""

"""Entry points for package managers: standard library and psutil only, fail open, own deadline."""

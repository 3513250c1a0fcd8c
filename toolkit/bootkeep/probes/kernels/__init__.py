"""Kernels: images, modules trees, and the one that runs."""

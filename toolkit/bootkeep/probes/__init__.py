"""Probes declare inert reads and understand the answers. A probe never does IO."""

"""Disposable hosts, for tests and for the demonstration."""

"""Settings that decide who may do what."""

"""Remedies: what gets a machine out of a finding, as data."""

"""The runbook: BootState, people and findings composed into steps for one host."""

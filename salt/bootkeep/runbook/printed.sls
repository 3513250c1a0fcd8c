# Fails when the copy in the binder (pillar bootkeep:site:printed_runbook) is not the present one. Not part of bootkeep itself:
# a host without a printed copy is no reason for a highstate to fail unless somebody wants it to.
include:
  - bootkeep.runbook

bootkeep-runbook-printed:
  bootkeep_runbook.printed:
    - require:
      - bootkeep: bootkeep-runbook-fresh

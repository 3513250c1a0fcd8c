# This host's printed way back, made again whenever the host has changed under it.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
  - bootkeep.bootloader

bootkeep-runbook-fresh:
  bootkeep.runbook_fresh:
    - name: {{ bootkeep.runbook.folder }}
    - require:
      - bootkeep: bootkeep-bootloader-default-entry

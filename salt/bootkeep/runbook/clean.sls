# Take the runbook's files away (the printed copy stays where it hangs).
{%- from "bootkeep/map.jinja" import bootkeep with context %}

bootkeep-runbook-clean:
  file.absent:
    - name: {{ bootkeep.runbook.folder }}

bootkeep-runbook-clean-boot-copy:
  file.absent:
    - name: /boot/RUNBOOK.TXT

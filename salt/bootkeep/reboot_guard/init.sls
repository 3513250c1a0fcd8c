# The verdict before reboot, shutdown, poweroff, halt and systemctl reboot; -f and absolute paths pass it by.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
  - bootkeep.install

bootkeep-reboot-guard-in-force:
  bootkeep_reboot.guarded:
    - name: reboot
    - commands: {{ bootkeep.reboot_guard.commands | tojson }}
    - require:
      - bootkeep: bootkeep-install-configuration

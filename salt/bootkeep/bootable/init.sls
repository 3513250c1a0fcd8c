# The verdict, after everything else in this highstate: NO-GO fails it.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
  - bootkeep.install

bootkeep-bootable-verdict:
  bootkeep.bootable:
    - name: reboot
    - unknown_blocks: {{ bootkeep.policy.unknown_blocks | tojson }}
    - order: last
    - require:
      - bootkeep: bootkeep-install-configuration

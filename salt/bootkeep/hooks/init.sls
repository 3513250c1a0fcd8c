# The package managers' hooks, and the proof that they are still in force.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
  - bootkeep.install

bootkeep-hooks-in-force:
  bootkeep.hooks_in_force:
    - name: {{ bootkeep.install.launcher }}
    - require:
      - bootkeep: bootkeep-install-configuration

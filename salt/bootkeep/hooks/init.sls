# The package managers' hooks, and the proof that they are still in force.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
  - bootkeep.install

bootkeep-hooks-in-force:
{%- if bootkeep.hooks.package %}
  bootkeep_hooks.package_in_force:
    - name: bootkeep-hooks
    - source: {{ bootkeep.hooks.package }}
{%- else %}
  bootkeep.hooks_in_force:
    - name: {{ bootkeep.install.launcher }}
{%- endif %}
    - require:
      - bootkeep: bootkeep-install-configuration

# Take the hooks away: packages are then changed without a record and without a guard.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

bootkeep-hooks-clean:
{%- if bootkeep.hooks.package %}
  bootkeep_hooks.package_withdrawn:
    - name: bootkeep-hooks
{%- else %}
  bootkeep.hooks_withdrawn:
    - name: bootkeep
{%- endif %}

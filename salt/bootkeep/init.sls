# The whole formula. Which parts, and in which order, is decided in map.jinja.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
{%- for part in bootkeep.parts %}
  - bootkeep.{{ part }}
{%- endfor %}
{%- if bootkeep.reboot_guard.enabled and "install" in bootkeep.parts %}
  - bootkeep.reboot_guard
{%- endif %}
{%- if bootkeep.delivery.enabled and "install" in bootkeep.parts %}
  - bootkeep.delivery
{%- endif %}

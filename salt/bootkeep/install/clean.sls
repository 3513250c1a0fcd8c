# Take the toolkit and its configuration away. Records under /var/lib/bootkeep stay: they are evidence.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

bootkeep-install-clean-configuration:
  file.absent:
    - name: /etc/bootkeep
    - order: last

bootkeep-install-clean-toolkit:
  bootkeep.uninstalled:
    - name: {{ bootkeep.install.launcher }}
    - order: last
    - require:
      - file: bootkeep-install-clean-configuration

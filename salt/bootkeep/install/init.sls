# The toolkit in Salt's own Python, its launcher, and the administrator's policy.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

bootkeep-install-toolkit:
  bootkeep.installed:
    - name: {{ bootkeep.install.launcher }}
    - source: {{ bootkeep.install.source }}

bootkeep-install-configuration:
  bootkeep.configured:
    - name: /etc/bootkeep/config.json
    - policy: {{ bootkeep.policy | tojson }}
    - require:
      - bootkeep: bootkeep-install-toolkit

# Every transaction of this host goes to its master: the sender engine of the minion, and records that wait until they are there.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
  - bootkeep.install

bootkeep-delivery-engines-synced:
  module.run:
    - saltutil.sync_engines:
    - require:
      - bootkeep: bootkeep-install-toolkit

bootkeep-delivery-engine-configured:
  file.managed:
    - name: {{ bootkeep.delivery.configuration }}
    - mode: '0640'
    - makedirs: True
    - contents: |
        # Written by Salt (bootkeep.delivery).
        engines:
          - bootkeep_sender: {{ bootkeep.delivery.engine | tojson }}
    - require:
      - module: bootkeep-delivery-engines-synced

# The minion starts its engines when it starts. At the end of the run, and outside of it: a restart now would end this job.
bootkeep-delivery-minion-restarted:
  cmd.run:
    - name: {{ bootkeep.delivery.restart | tojson }}
    - bg: True
    - order: last
    - onchanges:
      - file: bootkeep-delivery-engine-configured

# Who is told what of the fleet (pillar bootkeep:messages). For the master's own minion; not part of bootkeep itself.
include:
  - bootkeep.install

bootkeep-messages-configured:
  bootkeep_messages.configured:
    - name: /etc/bootkeep/messages.json
    - require:
      - bootkeep: bootkeep-install-toolkit

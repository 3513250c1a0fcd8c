# The master's settings go; the fleet's store stays, as it is the record. Restart the master afterwards.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

bootkeep-master-configuration-removed:
  file.absent:
    - names:
      - {{ bootkeep.master.configuration }}
      - /etc/bootkeep/fleet.json

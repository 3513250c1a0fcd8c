# The sender goes with the minion's next start. What was not delivered stays in the host's store.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

bootkeep-delivery-engine-removed:
  file.absent:
    - name: {{ bootkeep.delivery.configuration }}

# A look at many hosts at once, a few at a time: salt-run state.orchestrate orch.bootkeep.snapshot_all pillar='{"tgt": "web*"}'
# Pillar: tgt (a glob, default all), reason (words to find it by), batch (hosts at a time).
{%- set tgt = salt["pillar.get"]("tgt", "*") %}
{%- set reason = salt["pillar.get"]("reason", "orchestration bootkeep.snapshot_all") %}
{%- set batch = salt["pillar.get"]("batch", "10%") %}

bootkeep-snapshot-all:
  salt.function:
    - name: bootkeep_fleet.capture
    - tgt: {{ tgt | string | yaml_dquote }}
    - batch: {{ batch | string | yaml_dquote }}
    - arg:
      - {{ reason | string | yaml_dquote }}

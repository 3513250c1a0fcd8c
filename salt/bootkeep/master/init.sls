# The master's side, applied to the minion that runs on the master itself: engine, reactors, settings, and the store's schema.
# The toolkit with its fleet extra (requirements/master.txt) has to be in the Python that runs the master: see docs/how-to/run-a-fleet.md.
{%- from "bootkeep/map.jinja" import bootkeep with context %}
{%- set reactors = bootkeep.master.reactors %}

bootkeep-master-configured:
  file.managed:
    - name: {{ bootkeep.master.configuration }}
    - mode: '0640'
    - makedirs: True
    - contents: |
        # Written by Salt (bootkeep.master). The master reads it when it starts.
        bootkeep: {{ {"dsn": bootkeep.master.dsn, "limits": bootkeep.master.limits} | tojson }}
        engines:
          - bootkeep_store: {{ bootkeep.master.engine | tojson }}
        reactor:
          - 'bootkeep/work': ['{{ reactors }}/work.sls']
          - 'bootkeep/capture': ['{{ reactors }}/capture.sls']
          - 'salt/minion/*/start': ['{{ reactors }}/minion_start.sls']

# `bootkeep fleet` on the command line reads the same DSN.
bootkeep-master-command-line:
  file.managed:
    - name: /etc/bootkeep/fleet.json
    - mode: '0600'
    - makedirs: True
    - dir_mode: '0755'
    - contents: {{ {"dsn": bootkeep.master.dsn} | tojson | yaml_dquote }}

# The resolved parameters, for a look at what a host gets: salt-call state.show_sls bootkeep.mapdata
{%- from "bootkeep/map.jinja" import bootkeep with context %}

bootkeep-mapdata:
  test.configurable_test_state:
    - name: {{ bootkeep | tojson | yaml_dquote }}
    - changes: False
    - result: True
    - comment: the parameters as this host resolves them

# A host that the formula cannot protect says so, instead of looking safe.
bootkeep-unsupported:
  test.fail_without_changes:
    - name: bootkeep does not protect this OS family yet; this host has no guard, no preserved kernel and no verdict

# Take the hooks away: packages are then changed without a record and without a guard.
bootkeep-hooks-clean:
  bootkeep.hooks_withdrawn:
    - name: bootkeep

# The loader's configuration as it was before bootkeep's first change. Asked for by hand: it may be old.
bootkeep-bootloader-clean-restored:
  bootkeep.loader_configuration_restored:
    - name: oldest

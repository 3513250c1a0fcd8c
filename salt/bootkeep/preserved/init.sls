# The last-good kernel kept alive by hard links, with its own boot entry and its own modules.
include:
  - bootkeep.install

bootkeep-preserved-last-good:
  bootkeep.last_good_preserved:
    - require:
      - bootkeep: bootkeep-install-configuration

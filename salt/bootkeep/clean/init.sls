# Undo the formula: hooks first, so that nothing runs into a toolkit that is going away. What was recorded under
# /var/lib/bootkeep and the loader's configuration stay; bootkeep.bootloader.clean restores the latter when asked.
include:
  - bootkeep.delivery.clean
  - bootkeep.reboot_guard.clean
  - bootkeep.hooks.clean
  - bootkeep.kernel.clean
  - bootkeep.preserved.clean
  - bootkeep.runbook.clean
  - bootkeep.install.clean

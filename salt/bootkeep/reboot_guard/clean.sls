# Take the guard before reboot and its kin away.
bootkeep-reboot-guard-clean:
  bootkeep_reboot.unguarded:
    - name: reboot

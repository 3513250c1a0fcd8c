# Take the preserved kernels' entries and units away, and the copies of kernels that stand in /boot as they were. A copy that is
# the only one of its kernel stays: it may be the last way back (`bootkeep preserve --remove` before this takes it away).
bootkeep-preserved-clean:
  bootkeep.preserving_withdrawn:
    - name: bootkeep

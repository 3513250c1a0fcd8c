# Take the preserved kernels' entries and units away. Their files go only when a newer last-good kernel is proven.
bootkeep-preserved-clean:
  bootkeep.preserving_withdrawn:
    - name: bootkeep

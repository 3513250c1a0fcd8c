# Thresholds and switches. Everything here has a default: docs/reference/salt.md.
bootkeep:
  policy:
    keep_kernels: 3          # bootable kernels to keep
    minimum_kernels: 2       # fewer than this fails the highstate
    guard: true              # refuse package transactions that would leave no bootable last-good kernel
    unknown_blocks: true     # a verdict of UNKNOWN fails the highstate: "could not look" is not "all is well"

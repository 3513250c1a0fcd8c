# Thresholds and switches. Everything here has a default: docs/reference/salt.md.
bootkeep:
  policy:
    keep_kernels: 3          # bootable kernels to keep
    minimum_kernels: 2       # fewer than this fails the highstate
    guard: true              # refuse package transactions that would leave no bootable last-good kernel
    # noise_off: [config-temporary]   # rules of docs/reference/noise.md that do not apply here
    # noise:                          # what reports leave out here besides
    #   - {id: our-cache, family: config, pattern: /etc/ourtool/cache/.*, why: written all day}
    unknown_blocks: true     # a verdict of UNKNOWN fails the highstate: "could not look" is not "all is well"

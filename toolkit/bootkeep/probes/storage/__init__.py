"""Block devices, mounts, fstab, space and the drivers that lead to the root file system."""

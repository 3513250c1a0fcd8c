# Give the choice of kernels to remove back to apt.
bootkeep-kernel-clean-protection:
  file.absent:
    - name: /etc/apt/apt.conf.d/90bootkeep-kernels

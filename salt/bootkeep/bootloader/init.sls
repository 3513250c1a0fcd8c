# The boot loader's own configuration: right disks, a current menu, a default entry that exists.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
  - bootkeep.install
  - bootkeep.kernel
  - bootkeep.preserved
{%- if bootkeep.bootloader.install_devices %}

bootkeep-bootloader-install-devices:
  bootkeep.install_devices_right:
    - name: grub-pc/install_devices
    - require:
      - bootkeep: bootkeep-install-configuration
{%- endif %}

bootkeep-bootloader-menu:
  bootkeep.menu_current:
    - name: {{ bootkeep.bootloader.menu }}
    - require:
      - bootkeep: bootkeep-preserved-last-good

bootkeep-bootloader-default-entry:
  bootkeep.default_entry_resolves:
    - name: default
    - require:
      - bootkeep: bootkeep-bootloader-menu

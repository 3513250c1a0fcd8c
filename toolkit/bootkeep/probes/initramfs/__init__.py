"""initramfs images, as their own bytes tell."""

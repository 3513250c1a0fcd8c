"""What runs: processes, listening sockets, systemd units."""

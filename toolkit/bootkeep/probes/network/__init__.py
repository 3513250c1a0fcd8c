"""How this host is reached and what it lets through."""

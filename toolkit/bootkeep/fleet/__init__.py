"""The master's side: what minions sent, stored once; pages, messages and the binder made of it."""

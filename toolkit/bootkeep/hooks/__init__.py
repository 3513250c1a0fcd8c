"""Entry points for package managers: standard library and psutil only, imported late, started in milliseconds.

``python -I -m bootkeep.hooks apt|dpkg pre|post``, started by the shims in ``hooks/files/``. Exit code 0, or 91 for a
deliberate refusal in ``pre``. Descriptor 3 is the person's; nothing is written to standard output.
"""

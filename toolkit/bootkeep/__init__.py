"""bootkeep makes patching Linux servers boot-safe.

The package is one straight line (see ``docs/explanation/architecture.md``)::

    declare -> collect -> parse -> assemble -> compare -> judge -> compose -> render -> deliver

Only :mod:`bootkeep.edges` touches a machine; everything left of it is data, everything right of it is pure.
"""

__version__ = "0.1.0"

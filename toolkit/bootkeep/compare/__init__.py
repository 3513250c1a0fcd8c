"""compare: from two looks at a machine to the list of changes, classified, weighed and explained.

:mod:`bootkeep.compare.whole` has all of it. Nothing is imported here: a hook needs two small modules of this room, and no time
to load the rest.
"""

base:
  '*':
    - bootkeep

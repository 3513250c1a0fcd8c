# Every host gets the whole formula; the parts that fit its OS family come from bootkeep/parameters.
base:
  '*':
    - bootkeep

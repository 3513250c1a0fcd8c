# One file a question: what is allowed (policy), whom to call (people), how to get back (plan).
include:
  - bootkeep.policy
  - bootkeep.people
  - bootkeep.plan

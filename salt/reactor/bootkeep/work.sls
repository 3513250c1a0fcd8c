#!py
# The engine calls for work (bootkeep/work): transactions were stored, or something was left undone. Nothing of the event is used:
# the runner looks into the fleet's store for what is pending, so a forged event can only make it look.


def run():
    return {"bootkeep-work": {"runner.bootkeep.work": []}}

#!py
# A transaction was stored (bootkeep/stored/HOST/ID/PHASE), or the engine calls for work. Nothing of the event is used: the
# runner looks into the fleet's store for what is pending, so a forged event can only make it look.


def run():
    return {"bootkeep-work": {"runner.bootkeep.work": []}}

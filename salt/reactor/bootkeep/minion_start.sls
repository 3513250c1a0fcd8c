#!py
# A minion has started, perhaps after a reboot: it is asked for the look of phase boot. The only thing taken from the event is
# the name in its tag, and that only as far as it has the form of a name; the runner asks accepted minions and nobody else, and
# a host that was not rebooted answers that there is nothing to look at.
import re


def run():
    found = re.match(r"salt/minion/([A-Za-z0-9][A-Za-z0-9._:@-]{0,252})/start\Z", tag)
    if found is None:
        return {}
    return {"bootkeep-started": {"runner.bootkeep.started": [{"minion": found.group(1)}]}}

"""fix: apply the live remedy of a finding that is there now, look again, and be able to take it back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bootkeep.edges import watched_files
from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import private_folder, replace_file
from bootkeep.edges.host import LiveHost
from bootkeep.edges.run import run
from bootkeep.edges.step_run import run_step, still_runs, unhurried
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.fix import FIX_SCHEMA, FixRecord, FixState, FixStep
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.flows.before_reboot import check_before_reboot
from bootkeep.flows.check import CheckResult, check
from bootkeep.flows.fix_plan import PACKAGES, FixPlan, PlannedStep, findings_of, plan_fix

ROOT = Path("/")
FIXES = Path("/var/lib/bootkeep/fixes")
#: Findings that only the check before a reboot can see.
_ONLY_BEFORE_REBOOT = frozenset({"loader-readback-differs", "boot-file-system-unreadable"})

Say = Callable[[str], None]


def look(policy: Policy, identity: str, *, earlier: Readings | None = None) -> CheckResult:
    """This host now, by the check that can see the finding."""
    if identity in _ONLY_BEFORE_REBOOT:
        return check_before_reboot(LiveHost(), policy, earlier=earlier)
    return check(LiveHost(), policy, earlier=earlier)


def fix(
    policy: Policy, result: CheckResult, plan: FixPlan, *, say: Say = lambda _text: None, fixes: Path = FIXES
) -> FixRecord:
    """Run the steps, each logged, until the remedy is through, a step fails, or the next one needs a person.

    Then look again: what counts is whether the finding is gone. Raises BootkeepError when nothing of it may be run.
    """
    if plan.refusal:
        raise BootkeepError(
            plan.refusal, where=plan.finding.id, next_step="Do it by hand; --dry-run shows every step of the remedy."
        )
    identity, subject = plan.finding.id, plan.finding.subject
    with _alone(fixes), unhurried() as wish:
        folder = _new_folder(fixes, identity)
        own = plan_fix(result, identity, subject, folder=str(folder / "saved"))
        if own is None:
            raise BootkeepError(
                "the finding is not there any more", where=identity, next_step="Nothing needs to be done."
            )
        before = watched_files.keep(ROOT, folder / "before")
        record = FixRecord(
            FIX_SCHEMA,
            folder.name,
            identity,
            subject,
            plan.finding.summary,
            now_utc(),
            "",
            FixState.RUNNING,
            (),
            "",
            "",
            before,
            {},
        )
        _save(folder, record)
        reason = ""
        for number, planned in enumerate(own.steps, start=1):
            if planned.person:
                if _remains(look(policy, identity, earlier=result.readings), identity, subject):
                    reason = f"the next step needs a person: {planned.person}"
                else:
                    say("The finding is gone: the remaining steps are not needed.")
                break
            steps = record.steps
            # Before it begins: after a kill or a power cut the record has to say what may have been half done.
            begun = _step(planned, number)
            _save(folder, replace(record, steps=(*steps, begun)))
            step, reason = _run(planned, begun, number, folder, say)
            record = replace(record, steps=(*steps, step) if step is not None else steps)
            _save(folder, record)
            if wish.stop and not reason:
                reason = "somebody asked to stop (signal)"
            if reason:
                break
        after = look(policy, identity, earlier=result.readings)
        remains = _remains(after, identity, subject)
        state = FixState.STOPPED if reason else FixState.REMAINS if remains else FixState.DONE
        if state is FixState.STOPPED and not remains:
            reason += "; the finding is gone all the same"
        record = replace(
            record,
            ended_at=now_utc(),
            state=state,
            reason=reason,
            verdict=after.verdict.sentence,
            after=watched_files.digests(ROOT),
        )
        _save(folder, record)
    return record


def undo_fix(name: str, *, say: Say = lambda _text: None, fixes: Path = FIXES) -> FixRecord:
    """Take a fix back: the undo of every step that was run, last first, then the watched files, byte for byte.

    What a package's scripts did cannot be taken back; then what came after stays too: an old menu or initramfs beside new
    packages would be worse than either. The notes say which. Raises BootkeepError when it was taken back already, or when
    somebody changed one of those files since.
    """
    record = load_fix(name, fixes=fixes)
    folder = fixes / record.id
    if record.state is FixState.UNDONE:
        raise BootkeepError("this fix was taken back already", where=record.id, next_step="Nothing needs to be done.")
    with _alone(fixes), unhurried():
        if half := [step.log for step in record.steps if not step.ended and still_runs(folder / step.log)]:
            raise BootkeepError(
                "a step of this fix still works though its program was killed",
                where=str(folder / half[0]),
                next_step="Wait until it has ended, then take the fix back.",
            )
        now = watched_files.digests(ROOT)
        after = record.after or now  # it died before it could look: then nothing tells what others did
        moved = [path for path in sorted(after.keys() | now.keys()) if after.get(path) != now.get(path)]
        if theirs := [path for path in moved if path not in watched_files.MOVES_BY_ITSELF]:
            raise BootkeepError(
                f"changed since by somebody else: {', '.join(theirs)}",
                where=record.id,
                next_step=f"Take newer fixes back first, or compare with the originals in {folder}/before.",
            )
        notes = []
        final = next((n for n, step in enumerate(record.steps) if _ran_packages(step)), len(record.steps))
        kept = [step for step in record.steps[final:] if step.writes]
        for step in kept:
            why = "no command takes it back" if not step.undo else "it was made to fit what cannot be taken back"
            notes.append(f"not taken back ({why}): {step.say}")
        whole = not kept
        for number, step in reversed(tuple(enumerate(record.steps[:final], start=1))):
            if not step.writes:
                continue
            if not step.undo:
                notes.append(f"not taken back (no command takes it back): {step.say}")
                continue
            say(f"undo: {step.say}")
            log = folder / f"{number:02d}.undo.log"
            done = run_step(step.undo, log, timeout_s=1800, environment=_environment(folder))
            # A step that failed half-way may have nothing to take back.
            if done.exit_code != 0 and step.ended and step.exit_code == 0:
                whole = False
                notes.append(f"not taken back (exit code {done.exit_code}, {log.name}): {step.say}")
        if whole:
            notes += [f"put back: {path}" for path in watched_files.put_back(ROOT, folder / "before", record.before)]
        record = replace(record, state=FixState.UNDONE, undo_notes=tuple(notes))
        _save(folder, record)
    return record


def _ran_packages(step: FixStep) -> bool:
    """Whether a step let a package manager work, and nothing takes that back."""
    return step.writes and not step.undo and bool(PACKAGES.search(step.script))


def load_fix(name: str, *, fixes: Path = FIXES) -> FixRecord:
    """One fix by its id. Raises BootkeepError when there is none."""
    known = {record.id: record for record in list_fixes(fixes=fixes)}
    if name not in known:
        raise BootkeepError(
            f"there is no fix {name}", where=str(fixes), next_step="'bootkeep fix --list' shows those there are."
        )
    return known[name]


def list_fixes(*, fixes: Path = FIXES) -> tuple[FixRecord, ...]:
    """Every fix on record, oldest first; a record that cannot be read is left out.

    One that says it runs while nobody holds the lock was killed: INTERRUPTED, with what to do about it.
    """
    found = []
    for path in sorted(fixes.glob("*/record.json")):
        try:
            found.append(from_json(FixRecord, path.read_bytes(), where=str(path)))
        except NotUnderstood:
            continue
    if any(record.state is FixState.RUNNING for record in found) and not _busy(fixes):
        found = [_interrupted(each, fixes) if each.state is FixState.RUNNING else each for each in found]
    return tuple(found)


def _interrupted(record: FixRecord, fixes: Path) -> FixRecord:
    half = next((step for step in record.steps if not step.ended), None)
    left = f"in step {len(record.steps)} ({half.say.rstrip('.')})" if half else f"after step {len(record.steps)}"
    working = " That step's own processes still work." if half and still_runs(fixes / record.id / half.log) else ""
    return replace(
        record,
        state=FixState.INTERRUPTED,
        reason=f"it was killed {left}.{working} See how the host stands: bootkeep check. Finish it: bootkeep fix "
        f"{record.finding}. Or take back what it did: bootkeep fix --undo {record.id}",
    )


def _busy(fixes: Path) -> bool:
    try:
        with _alone(fixes):
            return False
    except BootkeepError:
        return True


def _step(planned: PlannedStep, number: int) -> FixStep:
    step = planned.step
    return FixStep(step.say, planned.script, planned.undo, step.writes, -1, 0.0, f"{number:02d}.log", ended=False)


def _run(planned: PlannedStep, begun: FixStep, number: int, folder: Path, say: Say) -> tuple[FixStep | None, str]:
    """One step, and why the fix has to stop here; empty when it goes on."""
    say(f"step {number}: {planned.step.say}")
    if planned.removes and (problem := _removes_more(planned.removes)):
        return None, problem
    log = folder / begun.log
    end = run_step(
        planned.script,
        log,
        timeout_s=planned.timeout_s,
        environment=_environment(folder, may_remove=bool(planned.removes)),
    )
    step = replace(begun, exit_code=end.exit_code, seconds=round(end.seconds, 2), ended=True)
    say(f"        exit code {end.exit_code} after {end.seconds:.1f} s, output in {log}")
    if end.timed_out:
        return step, f"step {number} took longer than {planned.timeout_s:g} seconds and was ended"
    if end.exit_code != 0 and not planned.step.may_fail:
        return step, f"step {number} ended with exit code {end.exit_code}: {_last_line(log)}"
    return step, ""


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"


def _removes_more(names: tuple[str, ...]) -> str:
    """apt is asked first: what it would remove besides the packages that the step names is for a person to judge."""
    plan = run(["apt-get", "-s", "purge", *names], timeout_s=120, environment={"DEBIAN_FRONTEND": "noninteractive"})
    if plan.exit_code != 0:
        return f"apt cannot plan the removal of {' '.join(names)}: {plan.stderr.strip()[-300:]}"
    gone = {
        line.split()[1].partition(":")[0] for line in plan.stdout.splitlines() if line.startswith(("Purg ", "Remv "))
    }
    more = sorted(gone - {name.partition("=")[0] for name in names})
    return f"removing {' '.join(names)} would also remove {', '.join(more)}: a person has to judge that" if more else ""


def _environment(folder: Path, *, may_remove: bool = False) -> dict[str, str]:
    """Answers for the package manager: yes, keep the host's own configuration, and remove nothing that nobody named."""
    settings = [
        'APT::Get::Assume-Yes "true";',
        'Dpkg::Options { "--force-confdef"; "--force-confold"; };',
        'Dpkg::Use-Pty "false";',
        *([] if may_remove else ['APT::Get::Remove "false";']),
    ]
    path = folder / ("apt-removes.conf" if may_remove else "apt.conf")
    replace_file(path, ("\n".join(settings) + "\n").encode())
    return {"DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1", "APT_CONFIG": str(path), "HOME": "/root"}


def _remains(result: CheckResult, identity: str, subject: str) -> bool:
    return bool(findings_of(result, identity, subject))


@contextmanager
def _alone(fixes: Path) -> Iterator[None]:
    """One fix at a time."""
    private_folder(fixes)
    with open(os.open(fixes / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BootkeepError(
                "another fix is running", where=str(fixes), next_step="Wait until it has ended, then look again."
            ) from error
        yield


def _new_folder(fixes: Path, identity: str) -> Path:
    stamp = now_utc().replace("-", "").replace(":", "")
    for number in range(1, 100):
        folder = fixes / (f"{stamp}-{identity}" + (f"-{number}" if number > 1 else ""))
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise BootkeepError("too many fixes in one second", where=str(fixes), next_step="Wait a moment, then run it again.")


def _save(folder: Path, record: FixRecord) -> None:
    replace_file(folder / "record.json", to_json(record, indent=1).encode())

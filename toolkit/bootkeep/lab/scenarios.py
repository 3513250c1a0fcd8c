"""The transactions of the demonstration: what is typed, and what must be true of the record afterwards.

Each is an ordinary thing that an administrator does. The expectation is checked on the host and in the store; a list of
problems comes back, empty when everything holds, so that one failure never hides another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bootkeep.edges.run import Completed
from bootkeep.edges.store import Store
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.lab.host import DisposableHost
from bootkeep.lab.image import Image

Digests = dict[str, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """The host and what a scenario may look at."""

    host: DisposableHost
    image: Image
    store: Store

    @property
    def running(self) -> str:
        """Kernel release that the host runs and has proven good."""
        return self.image.kernels[1]


@dataclass(frozen=True, slots=True)
class Played:
    """One scenario after it ran."""

    scenario: Scenario
    done: tuple[Completed, ...]
    transactions: tuple[Transaction, ...]  # the new ones, oldest first
    before: Digests
    after: Digests


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to do, and what must hold afterwards."""

    letter: str
    title: str
    commands: tuple[tuple[str, ...], ...]
    expect: Callable[[Scene, Played], list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = (Outcome.DONE,)  # of the new transactions, in order
    exit_codes: tuple[int, ...] = (0,)
    silent: bool = False  # the caller keeps its terminal to itself (unattended-upgrades writes to its own log)
    clean_up: tuple[tuple[str, ...], ...] = ()  # brings the host back to order; its transactions are not the scenario's


def play(scene: Scene, scenario: Scenario) -> Played:
    """Run one scenario and gather what its expectation needs."""
    known = set(scene.store.transaction_ids())
    before = boot_digests(scene.host)
    done = tuple(
        scene.host.run(command, timeout_s=300, environment=scenario.environment) for command in scenario.commands
    )
    after = boot_digests(scene.host)
    new = [scene.store.load_transaction(name) for name in scene.store.transaction_ids() if name not in known]
    for command in scenario.clean_up:
        scene.host.run(command, timeout_s=300)
    return Played(scenario, done, tuple(new), before, after)


def problems(scene: Scene, played: Played) -> list[str]:
    """Everything that does not hold after a scenario."""
    scenario = played.scenario
    found = []
    codes = tuple(done.exit_code for done in played.done)
    if codes != scenario.exit_codes:
        tail = (played.done[-1].stdout + played.done[-1].stderr)[-600:]
        found.append(f"exit codes {codes}, expected {scenario.exit_codes}: {tail}")
    outcomes = tuple(transaction.outcome for transaction in played.transactions)
    if outcomes != scenario.outcomes:
        found.append(f"outcomes {[o.value for o in outcomes]}, expected {[o.value for o in scenario.outcomes]}")
    for transaction in played.transactions:
        # A refused plan touched nothing: the guard speaks before any snapshot, and leaves no orphan.
        wanted = set() if transaction.outcome is Outcome.REFUSED else {"pre", "post"}
        if not wanted <= set(transaction.phases):
            found.append(f"{transaction.id} has only the phases {', '.join(transaction.phases) or 'none'}")
    lines = [line for done in played.done for line in done.stderr.splitlines() if line.startswith("bootkeep:")]
    if not lines and not scenario.silent:
        found.append("no line from bootkeep on the terminal")
    if not found:
        found += scenario.expect(scene, played)
    return found


def boot_digests(host: DisposableHost) -> Digests:
    """Digest of every kernel file: images, initramfs images, modules, preserved copies."""
    places = ["/boot", "/usr/lib/modules", "/usr/lib/bootkeep/preserved"]
    script = 'find "$@" -xdev -type f -print0 2>/dev/null | sort -z | xargs -0r sha256sum'
    text = host.run(["sh", "-c", script, "sh", *places], timeout_s=300).stdout
    return {path: digest for digest, _, path in (line.partition("  ") for line in text.splitlines())}


def package_version(host: DisposableHost, name: str) -> str:
    """Installed version of a package, empty when it is not installed."""
    done = host.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", name])
    status, _, version = done.stdout.partition(" ")
    return version if status == "installed" else ""


# --- expectations -----------------------------------------------------------------------------------------------------


def _names(transaction: Transaction) -> set[str]:
    return {change.name for change in transaction.changes}


def _service_came(scene: Scene, played: Played) -> list[str]:
    found = []
    if "exim4-daemon-light" not in _names(played.transactions[0]):
        found.append("exim4-daemon-light is not in the record")
    if not scene.host.run(["ss", "-Hltn", "sport = :25"]).stdout.strip():
        found.append("nothing listens on port 25: the scenario itself did not work")
    return found


def _config_was_replaced(scene: Scene, played: Played) -> list[str]:
    found = []
    config = scene.host.path("/etc/ssh/sshd_config").read_text(encoding="utf-8")
    if "hardened by hand" in config:
        found.append("sshd_config was not replaced: the scenario itself did not work")
    copies = scene.store.config_copies(played.transactions[0].id, "pre")
    if b"hardened by hand" not in copies.get("/etc/ssh/sshd_config", b""):
        found.append("the administrator's sshd_config was not copied before it was replaced")
    return found


def _third_kernel_came(scene: Scene, _played: Played) -> list[str]:
    release = scene.image.third_kernel
    found = [
        f"/boot/{name}-{release} is missing" for name in ("vmlinuz", "initrd.img") if not _has(scene, name, release)
    ]
    found += [f"{older} is gone" for older in scene.image.kernels if not _has(scene, "vmlinuz", older)]
    return found


def _has(scene: Scene, name: str, release: str) -> bool:
    return scene.host.path(f"/boot/{name}-{release}").exists()


def _old_build_lives_on(scene: Scene, played: Played) -> list[str]:
    """After the in-place upgrade, image and modules of the old build exist with their old checksums, and have an entry."""
    release = scene.running
    image = f"/boot/vmlinuz-{release}"
    found = []
    if played.before.get(image) == played.after.get(image):
        found.append("the image did not change: the scenario itself did not work")
    keys = sorted(path.name for path in scene.host.path("/boot/bootkeep").iterdir() if path.name.startswith(release))
    if len(keys) != 1:
        return [*found, f"preserved copies of {release}: {keys}"]
    key = keys[0]
    kept = {
        f"/boot/bootkeep/{key}/vmlinuz": image,
        f"/boot/bootkeep/{key}/initrd.img": f"/boot/initrd.img-{release}",
    }
    tree = f"/usr/lib/bootkeep/preserved/{key}/modules"
    old_tree = f"/usr/lib/modules/{release}"
    kept |= {
        tree + path.removeprefix(old_tree): path for path in played.before if path.startswith(old_tree + "/kernel/")
    }
    wrong = [copy for copy, original in kept.items() if played.after.get(copy) != played.before.get(original)]
    if wrong:
        found.append(f"{len(wrong)} of {len(kept)} preserved files differ, first {wrong[0]}")
    menu = scene.host.path("/boot/grub/bootkeep.cfg").read_text(encoding="utf-8")
    if f"--id 'bootkeep-{key}'" not in menu and f"--id bootkeep-{key}" not in menu:
        found.append("the preserved build has no boot entry")
    if "bootkeep.cfg" not in scene.host.path("/boot/grub/grub.cfg").read_text(encoding="utf-8"):
        found.append("grub.cfg does not source bootkeep.cfg")
    return found


def _raw_dpkg_was_seen(_scene: Scene, played: Played) -> list[str]:
    found = [f"{t.id} is recorded as {t.caller.manager}" for t in played.transactions if t.caller.manager != "dpkg"]
    found += [f"{t.id} names {sorted(_names(t))}" for t in played.transactions if _names(t) != {"hello"}]
    return found


def _failure_is_told(_scene: Scene, played: Played) -> list[str]:
    detail = played.transactions[0].outcome_detail
    return [] if "hello" in detail else [f"the record does not say which package failed: {detail!r}"]


def _nothing_changed(scene: Scene, played: Played) -> list[str]:
    found = []
    if played.before != played.after:
        moved = {
            path
            for path in played.before.keys() | played.after.keys()
            if played.before.get(path) != played.after.get(path)
        }
        found.append(f"files of kernels changed although the transaction was refused: {sorted(moved)[:3]}")
    if not package_version(scene.host, f"linux-image-{scene.running}"):
        found.append("the package is gone")
    said = played.done[0].stderr + played.done[0].stdout
    if scene.running not in said or "BOOTKEEP_OVERRIDE" not in said:
        found.append(f"the refusal does not name the kernel and the override: {said[-400:]}")
    return found


def _one_session(scene: Scene, played: Played) -> list[str]:
    transaction = played.transactions[0]
    found = []
    if len(transaction.steps) < 2:
        found.append(f"{len(transaction.steps)} step: minimal steps were not recorded")
    if not {"cron", "logrotate"} <= _names(transaction):
        found.append(f"the record names only {sorted(_names(transaction))}")
    if "+lab1" not in package_version(scene.host, "cron"):
        found.append("cron was not upgraded: the scenario itself did not work")
    return found


def scenarios(image: Image) -> tuple[Scenario, ...]:
    """(a) to (h), in order; each starts from where the one before left the host."""
    running = f"linux-image-{image.kernels[1]}"
    apt = ("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends")
    return (
        Scenario(
            "a",
            "a package that brings a service, a port, configuration and a SUID file",
            ((*apt, "install", "exim4-daemon-light"),),
            _service_came,
        ),
        Scenario(
            "b",
            "an upgrade that replaces a configuration file hardened by hand",
            ((*apt, "install", "openssh-server"),),
            _config_was_replaced,
            environment={"UCF_FORCE_CONFFNEW": "1"},
        ),
        Scenario(
            "c",
            "a kernel of a third ABI",
            ((*apt, "install", f"linux-image-{image.third_kernel}"),),
            _third_kernel_came,
        ),
        Scenario(
            "d",
            "an upgrade of the running, last-good kernel in place (same ABI)",
            ((*apt, "install", running),),
            _old_build_lives_on,
        ),
        Scenario(
            "e",
            "raw dpkg -i and dpkg -P",
            (("sh", "-c", "exec dpkg -i /srv/archive/loose/hello_*-3_*.deb"), ("dpkg", "-P", "hello")),
            _raw_dpkg_was_seen,
            outcomes=(Outcome.DONE, Outcome.DONE),
            exit_codes=(0, 0),
        ),
        Scenario(
            "f",
            "a package whose postinst fails",
            (("sh", "-c", f"exec {' '.join(apt)} install /srv/archive/loose/hello_*+broken1_*.deb"),),
            _failure_is_told,
            outcomes=(Outcome.FAILED,),
            exit_codes=(100,),
            clean_up=(("dpkg", "-P", "hello"),),
        ),
        Scenario(
            "g",
            "an attempt to remove the last-good kernel",
            ((*apt, "purge", running),),
            _nothing_changed,
            outcomes=(Outcome.REFUSED,),
            exit_codes=(100,),
        ),
        Scenario(
            "h",
            "unattended-upgrades with its minimal steps",
            (("unattended-upgrade", "-v"),),
            _one_session,
            silent=True,
        ),
    )

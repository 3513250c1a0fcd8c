"""The live host's answers for families of keyed lines, on small roots made here."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bootkeep.edges.host import LiveHost
from bootkeep.edges.native import native_answer
from bootkeep.facts.reading import Status
from bootkeep.probes.read import Native
from bootkeep.probes.security.access import PASSWORDS


def write(root: Path, path: str, text: str, mode: int = 0o644) -> Path:
    """A file below a root."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(mode)
    return target


def ask(root: Path, name: str) -> Any:
    """The plain answer."""
    kind, _, argument = name.partition(":")
    return json.loads(native_answer(kind)(root, argument))


# --- texts ----------------------------------------------------------------------------------------------------------------


def test_texts_lose_their_secrets_before_they_leave(tmp_path: Path) -> None:
    write(tmp_path, "/etc/apt/sources.list", "deb https://user:hunter2@h/debian s c\n")
    write(tmp_path, "/etc/apt/x.key", "secret\n")
    (told,) = ask(tmp_path, "texts:/etc/apt/*").values()
    assert "hunter2" not in told and told.endswith("@h/debian s c\n")


def test_texts_of_one_file_under_two_names_come_once(tmp_path: Path) -> None:
    write(tmp_path, "/usr/lib/a.d/x.conf", "1")
    (tmp_path / "lib").symlink_to("usr/lib")
    assert list(ask(tmp_path, "texts:/usr/lib/a.d/*|/lib/a.d/*")) == ["/usr/lib/a.d/x.conf"]


def test_texts_tell_nothing_there_from_nothing_in_it(tmp_path: Path) -> None:
    host = LiveHost(tmp_path)
    assert host.answer(Native("texts:/etc/a.d/*.conf")).status is Status.ABSENT
    write(tmp_path, "/etc/a.d/README", "")
    assert host.answer(Native("texts:/etc/a.d/*.conf")).text == "{}"
    assert host.answer(Native("texts:/proc/cmdline")).status is Status.NOT_TAKEN


def test_a_file_that_is_no_configuration_is_a_failure_never_cut(tmp_path: Path) -> None:
    write(tmp_path, "/etc/a.d/x.conf", "x" * 600_000)
    os.mkfifo(tmp_path / "etc/a.d/y.conf")
    assert LiveHost(tmp_path).answer(Native("texts:/etc/a.d/*.conf")).status is Status.FAILED
    (tmp_path / "etc/a.d/x.conf").unlink()
    assert ask(tmp_path, "texts:/etc/a.d/*.conf") == {}


# --- accounts -------------------------------------------------------------------------------------------------------------

_SHADOW = (
    "root:!:20000:0:99999:7:::\nanna:$y$j9T$abc$def:20001:0:90:7:14:30000:\nold:$1$x$y:1::::::\nopen::1::::::\n"
    "kept:!$6$x$y:1::::::\nshort:x\n"
)


def test_of_a_password_only_its_class_and_dates_leave(tmp_path: Path) -> None:
    write(tmp_path, "/etc/shadow", _SHADOW, 0o640)
    reading = LiveHost(tmp_path).answer(Native("shadow-states"))
    assert "$" not in reading.text
    assert json.loads(reading.text) == {
        "root": "locked, changed on day 20000, minimum 0, maximum 99999, warning 7",
        "anna": "set (yescrypt), changed on day 20001, minimum 0, maximum 90, warning 7, inactive 14, expires on day 30000",
        "old": "set (md5crypt), changed on day 1",
        "open": "none, changed on day 1",
        "kept": "locked (sha512crypt kept), changed on day 1",
    }
    assert PASSWORDS.reads == (Native("shadow-states"),)


def test_keys_are_known_by_their_fingerprint(tmp_path: Path) -> None:
    blob = b"\0\0\0\x0bssh-ed25519" + b"k" * 32
    line = f"ssh-ed25519 {base64.b64encode(blob).decode()} anna@host\n"
    write(tmp_path, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nbin:x:1:1::/:/bin/sh\n")
    write(tmp_path, "/root/.ssh/authorized_keys", f'# c\n{line}\ncommand="x token" {line}broken ssh-rsa !!\n')
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    assert ask(tmp_path, "ssh-keys") == {f"root SHA256:{digest}": "ssh-ed25519 with options"}
    (tmp_path / "root/.ssh/authorized_keys").unlink()
    (tmp_path / "root/.ssh/authorized_keys").symlink_to("/etc/shadow")
    assert ask(tmp_path, "ssh-keys") == {}


# --- units ----------------------------------------------------------------------------------------------------------------


def units(root: Path) -> dict[str, tuple[str, str]]:
    """Name -> state and preset."""
    return {row["unit_file"]: (row["state"], row["preset"]) for row in ask(root, "unit-files")}


def test_states_of_units_as_systemd_calls_them(tmp_path: Path) -> None:
    vendor, etc = "/usr/lib/systemd/system", tmp_path / "etc/systemd/system"
    wanted = "[Unit]\n[Service]\n[Install]\nWantedBy=multi-user.target\n"
    for name in ("on", "off", "masked"):
        write(tmp_path, f"{vendor}/{name}.service", wanted)
    write(tmp_path, f"{vendor}/static.service", "[Service]\n#[Install]\n")
    write(tmp_path, f"{vendor}/also.service", "[Install]\nAlso=on.service\n")
    write(tmp_path, f"{vendor}/empty.service", "")
    write(tmp_path, f"{vendor}/tty@.service", "[Install]\nWantedBy=x\nDefaultInstance=one\n")
    write(tmp_path, f"{vendor}/two@.service", "[Install]\nWantedBy=x\n")
    write(tmp_path, f"{vendor}/ignored.target", wanted)
    (tmp_path / "usr/lib/systemd/system/alias.service").symlink_to("on.service")
    (etc / "multi-user.target.wants").mkdir(parents=True)
    for name, target in (("on", "on"), ("tty@one", "tty@"), ("two@x", "two@")):
        (etc / f"multi-user.target.wants/{name}.service").symlink_to(f"{vendor}/{target}.service")
    (etc / "masked.service").symlink_to("/dev/null")
    (etc / "gone.service").symlink_to("/nowhere/other.service")
    write(tmp_path, "/opt/linked.service", wanted)
    (etc / "linked.service").symlink_to("/opt/linked.service")
    write(tmp_path, "/run/systemd/generator/made.service", "[Service]\n")
    write(tmp_path, "/usr/lib/systemd/system-preset/90.preset", "disable off.service\nenable *\n")
    write(tmp_path, "/etc/systemd/system-preset/10.preset", "# c\nenable o*\ndisable tty@*\n")
    assert units(tmp_path) == {
        "on.service": ("enabled", "enabled"),
        "off.service": ("disabled", "enabled"),
        "masked.service": ("masked", "enabled"),
        "static.service": ("static", "enabled"),
        "also.service": ("indirect", "enabled"),
        "empty.service": ("masked", "enabled"),
        "tty@.service": ("enabled", "disabled"),
        "two@.service": ("indirect", "enabled"),
        "alias.service": ("alias", "enabled"),
        "gone.service": ("bad", "enabled"),
        "linked.service": ("linked", "enabled"),
        "made.service": ("generated", "enabled"),
    }


def test_no_systemd_is_absent(tmp_path: Path) -> None:
    assert LiveHost(tmp_path).answer(Native("unit-files")).status is Status.ABSENT


# --- packages -------------------------------------------------------------------------------------------------------------


def test_scripts_helpers_sysusers_and_triggered_packages(tmp_path: Path) -> None:
    info = "/var/lib/dpkg/info"
    write(
        tmp_path,
        f"{info}/tool:amd64.list",
        "/.\n/usr/sbin/make-tool\n/usr/sbin/binary-tool\n/usr/lib/sysusers.d/tool.conf\n/usr/share/mime/x\n",
    )
    write(
        tmp_path,
        f"{info}/tool:amd64.postinst",
        "#!/bin/sh\n# /etc/comment\nmake-tool --init\nbinary-tool\nadduser --system \\\n  toold\n",
    )
    write(tmp_path, f"{info}/tool:amd64.triggers", "activate-noawait update-things\n")
    write(tmp_path, "/usr/sbin/make-tool", "#!/bin/sh\ncat > /etc/default/tool\n")
    write(tmp_path, "/usr/sbin/binary-tool", "\x7fELF\0/etc/never")
    write(tmp_path, "/usr/lib/sysusers.d/tool.conf", "u toolx - -\n")
    write(tmp_path, "/var/lib/dpkg/triggers/File", "/usr/share/mime mime-support\n/usr/share/other other\n")
    write(tmp_path, "/var/lib/dpkg/triggers/update-things", "things/noawait\n")
    write(tmp_path, f"{info}/mime-support.postinst", "echo > /etc/mailcap\n")
    write(tmp_path, f"{info}/things.postinst", "echo > /etc/things\n")
    write(tmp_path, f"{info}/other.postinst", "echo > /etc/other\n")
    told = ask(tmp_path, "package-scripts:tool,absent")
    assert set(told) == {"tool", "mime-support<-tool", "things<-tool"}
    assert set(told["tool"].splitlines()) == {
        "adduser --system toold",
        "cat > /etc/default/tool",
        "u toolx - -",
        "make-tool --init",
    }


def test_modes_among_the_packages_own_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        "/var/lib/dpkg/info/tool.list",
        "/.\n/opt\n/opt/deep/run\n/opt/open\n/opt/plain\n/opt/tmp\n/opt/link\n/opt/gone\n",
    )
    write(tmp_path, "/opt/deep/run", "", 0o4755)
    write(tmp_path, "/opt/open", "", 0o666)
    write(tmp_path, "/opt/plain", "")
    (tmp_path / "opt/tmp").mkdir()
    (tmp_path / "opt/tmp").chmod(0o1777)
    (tmp_path / "opt/link").symlink_to("/etc/shadow")
    assert [(row["path"], oct(row["mode"])) for row in ask(tmp_path, "package-modes:tool")] == [
        ("/opt/deep/run", "0o4755"),
        ("/opt/open", "0o666"),
    ]
    assert [row["path"] for row in ask(tmp_path, "special-walk")] == ["/opt/deep/run"]


def test_integrity_tells_altered_from_missing(tmp_path: Path) -> None:
    good = hashlib.md5(b"good", usedforsecurity=False).hexdigest()
    lines = "".join(f"{good}  usr/{name}\n" for name in ("same", "other", "gone", "share/doc/x"))
    write(tmp_path, "/var/lib/dpkg/info/tool:amd64.md5sums", lines)
    write(tmp_path, "/usr/same", "good")
    write(tmp_path, "/usr/other", "bad")
    assert ask(tmp_path, "integrity:tool") == {"/usr/other": "altered", "/usr/gone": "missing"}


def test_polkit_keeps_only_who_may_do_what(tmp_path: Path) -> None:
    write(
        tmp_path,
        "/usr/share/polkit-1/actions/a.policy",
        '<x xml:lang="de">viel</x>\n <action id="a">\n <allow_any>no</allow_any>\n</action>',
    )
    (told,) = ask(tmp_path, "polkit").values()
    assert told == '<action id="a">\n<allow_any>no</allow_any>\n</action>'
    assert LiveHost(tmp_path / "usr").answer(Native("polkit")).status is Status.ABSENT


# --- what runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        (
            "7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/x86_64-linux-gnu/libc.so.6 (deleted)",
            ["/usr/lib/x86_64-linux-gnu/libc.so.6"],
        ),
        ("7f00-7f01 rw-p 00000000 08:01 1 /usr/lib/data (deleted)", []),
        ("7f00-7f01 r-xp 00000000 00:01 1 /memfd:jit (deleted)", []),
        ("7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/libc.so.6", []),
    ],
)
def test_only_replaced_code_is_stale(tmp_path: Path, mapping: str, told: list[str]) -> None:
    proc = tmp_path / "proc/77"
    proc.mkdir(parents=True)
    (proc / "stat").write_text("77 (cron) S 1 77 77 0 -1 4194304 " + "0 " * 12 + "900 0 0\n")
    (proc / "cmdline").write_text("/usr/sbin/cron\0-f\0")
    (proc / "status").write_text("Uid:\t0\t0\t0\t0\n")
    (proc / "cgroup").write_text("0::/system.slice/cron.service\n")
    (proc / "maps").write_text(mapping + "\n")
    rows = ask(tmp_path, "stale")
    assert [row["files"] for row in rows] == ([told] if told else [])
    assert all(row["unit"] == "cron.service" for row in rows)


def test_the_journal_of_this_machine_answers_or_says_why_not() -> None:
    reading = LiveHost().answer(Native("journal:@1"))
    assert reading.status in {Status.OK, Status.ABSENT, Status.FAILED}
    assert reading.status is not Status.OK or isinstance(json.loads(reading.text), list)

"""Native answers on the machine that runs the tests, and on made-up trees: no fake /proc is as odd as a real one."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.host import LiveHost
from bootkeep.edges.native import built_in, listeners, processes, special_files, sysctl
from bootkeep.edges.native.processes import callers_among, parse_stat, trees_to_leave_out, unit_of_cgroup
from bootkeep.facts.reading import Status
from bootkeep.probes.read import Digest, Listing
from bootkeep.probes.services.processes import parse_listeners, parse_processes

ROOT = Path("/")


def test_a_child_is_seen_with_its_secret_redacted_and_its_environment_never() -> None:
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "--token", "hunter2hunter2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PLANTED": "environment-secret"},
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        row = processes.owner_of(child.pid)
    finally:
        child.communicate()
    assert row is not None
    assert row["arguments"] == [sys.executable, "-c", code, "--token", "[redacted]"]
    assert "environment-secret" not in json.dumps(row)
    assert row["uid"] == os.geteuid()


def test_the_answer_fits_its_parser_and_leaves_ourselves_and_kernel_threads_out() -> None:
    found = parse_processes(processes.answer(ROOT, ""))
    assert found
    assert os.getpid() not in {process.pid for process in found}
    assert "kthreadd" not in {process.arguments[0] for process in found}


def test_a_process_that_has_gone_is_none() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert processes.owner_of(child.pid) is None


def test_a_listening_socket_is_seen_once_and_a_connected_udp_socket_is_not() -> None:
    with (
        socket.socket() as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(type=socket.SOCK_DGRAM) as client,
    ):
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        client.connect(udp.getsockname())
        found = parse_listeners(listeners.answer(ROOT, ""))
        ports = [(one.protocol, one.port) for one in found if one.address == "127.0.0.1"]
        assert ports.count(("tcp", tcp.getsockname()[1])) == 1
        assert ("udp", udp.getsockname()[1]) in ports
        assert ("udp", client.getsockname()[1]) not in ports
        assert all(one.local_only for one in found if one.address == "127.0.0.1")


def test_a_socket_shared_with_a_child_belongs_to_the_parent() -> None:
    with socket.socket() as four, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        four.bind(("127.0.0.1", 0))
        udp.bind(("::ffff:127.0.0.1", 0))
        four.listen()
        child = subprocess.Popen(["sleep", "30"], pass_fds=[four.fileno()])
        try:
            found = json.loads(listeners.answer(ROOT, ""))
            line = listeners._line_of(child.pid, four.fileno(), "/proc")
        finally:
            child.kill()
            child.wait()
        own = {(one["protocol"], one["address"], one["port"]) for one in found if one["pid"] == os.getpid()}
        assert ("tcp", "127.0.0.1", four.getsockname()[1]) in own
        assert ("udp6", "::ffff:127.0.0.1", udp.getsockname()[1]) in own
        assert line == {child.pid, os.getpid()}  # asked for the child, it names the parent too
    assert listeners._line_of(child.pid, 3, "/proc") == {child.pid}  # it has gone


@pytest.mark.parametrize("name", ["cron", "a) b (c", "weird\nname", "((", "))"])
def test_stat_with_any_name(name: str) -> None:
    stat = parse_stat(f"42 ({name}) S 7 42 42 34816 42 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 10")
    assert (stat.name, stat.parent, stat.terminal, stat.start_ticks) == (name, 7, True, 123456)


@given(st.text(max_size=200))
def test_stat_raises_nothing_but_value_error(text: str) -> None:
    try:
        parse_stat(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/ssh.service\n", "ssh.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/dbus.service\n", "dbus.service"),
        ("12:cpu:/\n1:name=systemd:/system.slice/cron.service\n", "cron.service"),
        ("0::/\n", ""),
        ("", ""),
        ("garbage", ""),
    ],
)
def test_unit_of_cgroup(text: str, unit: str) -> None:
    assert unit_of_cgroup(text) == unit


def test_a_package_manager_and_all_that_it_started_are_left_out_but_not_what_started_it() -> None:
    rows: list[dict[str, object]] = [
        {"pid": 1, "parent": 0, "name": "systemd"},
        {"pid": 10, "parent": 1, "name": "bash"},
        {"pid": 20, "parent": 10, "name": "apt-get"},
        {"pid": 21, "parent": 20, "name": "dpkg"},
        {"pid": 22, "parent": 21, "name": "postinst"},
        {"pid": 30, "parent": 1, "name": "nginx"},
        {"pid": 40, "parent": 10, "name": "python3"},
    ]
    assert trees_to_leave_out(rows, 40) == {20, 21, 22, 40}


def test_what_called_a_package_manager_is_marked_up_to_the_service_it_belongs_to() -> None:
    def row(pid: int, parent: int, name: str, unit: str = "session-3.scope") -> dict[str, object]:
        return {"pid": pid, "parent": parent, "name": name, "unit": unit}

    rows = [
        row(1, 0, "systemd", "init.scope"),
        *(row(10, 1, "sshd", "ssh.service"), row(11, 10, "sshd"), row(12, 11, "bash"), row(13, 12, "apt-get")),
        *(row(20, 1, "cron", "cron.service"), row(21, 20, "cron", "cron.service"), row(22, 21, "sh", "cron.service")),
        *(row(23, 22, "unattended-upgr", "cron.service"), row(24, 23, "dpkg", "cron.service")),
        *(row(30, 0, "sh", ""), row(31, 30, "rpm", "")),  # entered from outside of this pid namespace
        *(row(40, 1, "tmux: server"), row(41, 40, "bash"), row(42, 1, "nginx", "nginx.service")),
        *(row(50, 1, "bash", ""), row(51, 50, "dnf", "")),  # a script whose own parent has ended
    ]
    # 23 is a package manager itself: it is left out with its tree, whatever it is marked.
    assert callers_among(rows) - {23} == {11, 12, 21, 22, 30, 50}


def test_special_files_are_found_by_their_bits_and_links_are_not_followed(tmp_path: Path) -> None:
    for path, mode in {
        "usr/bin/plain": 0o755,
        "usr/bin/asroot": 0o4755,
        "usr/lib/pkg/deep/helper": 0o2755,
        "usr/lib/pkg/deep/too/far": 0o4755,
        "usr/lib/modules/6.1/x": 0o4755,
        "opt/a/b/c": 0o4755,
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        file.chmod(mode)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/bin/link").symlink_to("asroot")
    rows = json.loads(special_files.answer(tmp_path, ""))
    assert {row["path"]: oct(row["mode"]) for row in rows} == {
        "/usr/bin/asroot": "0o4755",
        "/usr/lib/pkg/deep/helper": "0o2755",
        "/opt/a/b/c": "0o4755",
    }


def test_special_files_of_an_empty_root_are_absent_not_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        special_files.answer(tmp_path, "")


def test_sysctl_reads_settings_and_neither_secrets_nor_counters() -> None:
    values = json.loads(sysctl.answer(ROOT, ""))
    assert values["kernel.ostype"] == "Linux"
    assert not [name for name in values if "stable_secret" in name or name.endswith(("file-nr", "random.uuid"))]


def test_sysctl_names_are_those_of_sysctl8() -> None:
    assert sysctl.sysctl_name("net/ipv4/conf/eth0.5/forwarding") == "net.ipv4.conf.eth0/5.forwarding"


def test_a_deep_listing_enters_no_link_and_no_version_control(tmp_path: Path) -> None:
    (tmp_path / "etc/sub").mkdir(parents=True)
    (tmp_path / "etc/.git").mkdir()
    (tmp_path / "etc/.git/object").write_text("x")
    (tmp_path / "etc/sub/.hidden").write_text("hello")
    (tmp_path / "etc/loop").symlink_to("/")
    host = LiveHost(tmp_path)
    listing = host.answer(Listing("/etc/**"))
    assert [row["path"] for row in json.loads(listing.text)] == ["/etc/loop", "/etc/sub", "/etc/sub/.hidden"]
    digest = host.answer(Digest("/etc/**", algorithm="md5"))
    assert json.loads(digest.text) == {"/etc/sub/.hidden": "5d41402abc4b2a76b9719d911017c592"}
    assert host.answer(Listing("/nowhere/**")).status is Status.ABSENT


def test_what_is_built_into_the_running_kernel(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        built_in.answer(tmp_path, "nf_tables")
    (tmp_path / "proc").mkdir()
    with gzip.open(tmp_path / "proc/config.gz", "wt") as stream:
        stream.write("CONFIG_NF_TABLES=y\nCONFIG_BRIDGE=m\n")
    assert json.loads(built_in.answer(tmp_path, "nf_tables")) == {"built_in": True}
    assert json.loads(built_in.answer(tmp_path, "bridge")) == {"built_in": False}
    folder = tmp_path / "lib/modules" / os.uname().release
    folder.mkdir(parents=True)
    (folder / "modules.builtin").write_text(
        "kernel/net/netfilter/nf_tables_x.ko\nkernel/net/netfilter/nf-conntrack.ko\n"
    )
    assert json.loads(built_in.answer(tmp_path, "nf_tables")) == {"built_in": False}  # it says what this kernel has
    assert json.loads(built_in.answer(tmp_path, "nf_conntrack")) == {"built_in": True}
    (folder / "modules.builtin").unlink()
    (tmp_path / "proc/config.gz").write_bytes(b"no gzip")
    with pytest.raises(OSError):
        built_in.answer(tmp_path, "nf_tables")

"""Configuration files: /etc as a whole, users' crontabs, and the packages' own lists of what they ship as configuration.

Sources: deb-conffiles(5) and dpkg's status file (``Conffiles:`` with the MD5 of what was shipped), ucf(1) with its
registry (``package path``) and hashfile (``md5  path``). Debian's sshd_config, for one, is ucf's and no conffile. rpm's own
list is in :mod:`bootkeep.probes.config.rpm_config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.system import Conffile, ConfigFile
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.config import rpm_config
from bootkeep.probes.machine.identity import OS_RELEASE, OS_RELEASE_VENDOR
from bootkeep.probes.packages.dpkg import STATUS
from bootkeep.probes.packages.installed import is_rpm
from bootkeep.probes.read import Digest, File, Listing, Probe, Read
from bootkeep.probes.understand import number, rows, texts, understood

ETC_LISTING = Listing("/etc/**")
ETC_DIGESTS = Digest("/etc/**")
#: dpkg and ucf record MD5: the only way to tell an edited file from a shipped one without unpacking the package.
ETC_MD5 = Digest("/etc/**", algorithm="md5")
CRONTAB_LISTING = Listing("/var/spool/cron/crontabs/*")
CRONTAB_DIGESTS = Digest("/var/spool/cron/crontabs/*")
UCF_REGISTRY = File("/var/lib/ucf/registry")
UCF_HASHES = File("/var/lib/ucf/hashfile")

#: Names that package managers give to the version of a configuration file that lost.
LEFTOVER_SUFFIXES = (
    ".dpkg-old",
    ".dpkg-dist",
    ".dpkg-new",
    ".dpkg-bak",
    ".ucf-old",
    ".ucf-dist",
    ".ucf-new",
    ".rpmsave",
    ".rpmnew",
    ".rpmorig",
)


def parse_listing(text: str, where: str) -> tuple[ConfigFile, ...]:
    """A listing as files without digests. Raises NotUnderstood."""
    files: list[ConfigFile] = []
    for row in rows(text, where):
        try:
            files.append(
                ConfigFile(
                    path=str(row["path"]),
                    kind=str(row["type"]),
                    mode=int(str(row["mode"]), 8),
                    uid=number(str(row["uid"]), where),
                    gid=number(str(row["gid"]), where),
                    size_bytes=number(str(row["size"]), where),
                    sha256="",
                    target=str(row.get("target", "")),
                )
            )
        except (KeyError, ValueError) as error:
            raise NotUnderstood(f"a row without {error}", where=where) from error
    return tuple(files)


def _files_with_digests(readings: Readings, listing: Listing, digest: Digest) -> Maybe[tuple[ConfigFile, ...]]:
    files = understood(readings, listing, lambda text: parse_listing(text, listing.key))
    if isinstance(files, (Absent, Unknown)):
        return files
    digests = understood(readings, digest, lambda text: texts(text, digest.key))
    if isinstance(digests, (Absent, Unknown)):
        return Unknown(f"no digests of {digest.pattern}: {digests}")
    return tuple(
        ConfigFile(
            file.path,
            file.kind,
            file.mode,
            file.uid,
            file.gid,
            file.size_bytes,
            digests.get(file.path, ""),
            file.target,
        )
        for file in files
    )


def config_files_of(readings: Readings) -> Maybe[tuple[ConfigFile, ...]]:
    """Everything below /etc and the conffiles outside it, with digests."""
    inside = _files_with_digests(readings, ETC_LISTING, ETC_DIGESTS)
    if isinstance(inside, (Absent, Unknown)):
        return inside
    outside: list[ConfigFile] = []
    for listing, digest, _md5 in _outside_reads(readings):
        found = _files_with_digests(readings, listing, digest)
        if isinstance(found, tuple):
            outside.extend(found)
    return (*inside, *outside)


def crontabs_of(readings: Readings) -> Maybe[tuple[ConfigFile, ...]]:
    """Users' crontabs; Absent without a spool directory."""
    return _files_with_digests(readings, CRONTAB_LISTING, CRONTAB_DIGESTS)


@lru_cache(maxsize=2)  # before and after: one look asks four times
def parse_conffiles(text: str) -> tuple[Conffile, ...]:
    """Every ``Conffiles:`` field of a dpkg status file. Obsolete ones and ones about to be removed are left out.

    A line is `` path md5 [obsolete] [remove-on-upgrade]``; a path may hold blanks, the MD5 may be ``newconffile`` while
    a package is half unpacked. Raises NotUnderstood on a line without a path.
    """
    # Most paragraphs ship no configuration: they are passed over as a whole.
    wanted = (paragraph for paragraph in text.split("\n\n") if "Conffiles:" in paragraph)
    found: list[Conffile] = []
    package, inside = "", False
    for line in "\n\n".join(wanted).split("\n"):
        if not line.strip():
            package, inside = "", False
        elif line.startswith("Package:"):
            package = line.removeprefix("Package:").strip()
        elif line.startswith("Conffiles:"):
            inside = True
        elif inside and line.startswith(" "):
            conffile = _conffile_line(line, package)
            if conffile is not None:
                found.append(conffile)
        else:
            inside = False
    return tuple(found)


def _conffile_line(line: str, package: str) -> Conffile | None:
    words = line.strip().split(" ")
    flags: set[str] = set()
    while words and words[-1] in {"obsolete", "remove-on-upgrade"}:
        flags.add(words.pop())
    if len(words) < 2 or not words[0].startswith("/") or not package:
        raise NotUnderstood(f"conffile line {line[:80]!r}", where=STATUS.path)
    md5 = words[-1] if len(words[-1]) == 32 else ""
    return None if flags else Conffile(" ".join(words[:-1]), package, md5, "dpkg")


def parse_ucf(registry: str, hashes: str) -> tuple[Conffile, ...]:
    """ucf's files with the MD5 of what the maintainer shipped last. Raises NotUnderstood on a line of one word."""
    shipped: dict[str, str] = {}
    for line in hashes.splitlines():
        if line.strip():
            md5, _, path = line.strip().partition(" ")
            shipped[path.strip()] = md5 if len(md5) == 32 else ""
    found: list[Conffile] = []
    for line in registry.splitlines():
        if line.strip():
            package, _, path = line.strip().partition(" ")
            path = path.strip()
            if not path.startswith("/"):
                raise NotUnderstood(f"registry line {line[:80]!r}", where=UCF_REGISTRY.path)
            found.append(Conffile(path, package, shipped.get(path, ""), "ucf"))
    return tuple(found)


def conffiles_of(readings: Readings) -> Maybe[tuple[Conffile, ...]]:
    """dpkg's conffiles and ucf's, by path; rpm's on a system of its packages."""
    if is_rpm(readings):
        return rpm_config.rpm_conffiles_of(readings)
    conffiles = understood(readings, STATUS, parse_conffiles)
    if isinstance(conffiles, (Absent, Unknown)):
        return conffiles
    registry = readings[UCF_REGISTRY.key]
    hashes = readings[UCF_HASHES.key]
    if not registry.ok:  # no ucf on this host, or it may not be read: dpkg's own list stands
        return tuple(sorted(conffiles, key=lambda conffile: conffile.path))
    try:
        more = parse_ucf(registry.text, hashes.text if hashes.ok else "")
    except NotUnderstood as error:
        return Unknown(str(error))
    return tuple(sorted((*conffiles, *more), key=lambda conffile: conffile.path))


def edited_conffiles_of(readings: Readings) -> Maybe[frozenset[str]]:
    """Paths of conffiles whose present content is not what the package shipped."""
    conffiles = conffiles_of(readings)
    if isinstance(conffiles, (Absent, Unknown)):
        return conffiles
    if is_rpm(readings):
        return _edited_by_sha256(readings, conffiles)
    present: dict[str, str] = {}
    for read in (ETC_MD5, *(md5 for _listing, _digest, md5 in _outside_reads(readings))):
        digests = understood(readings, read, lambda text: texts(text, "digest-md5"))
        if isinstance(digests, Unknown) or (isinstance(digests, Absent) and read is ETC_MD5):
            return Unknown(f"no MD5 of {read.pattern}: {digests}")
        if isinstance(digests, Mapping):
            present.update(digests)
    return frozenset(
        conffile.path
        for conffile in conffiles
        if conffile.md5 and conffile.path in present and present[conffile.path] != conffile.md5
    )


def _edited_by_sha256(readings: Readings, conffiles: tuple[Conffile, ...]) -> Maybe[frozenset[str]]:
    """rpm records what the snapshot's digests of configuration files are made with anyway."""
    files = config_files_of(readings)
    if isinstance(files, (Absent, Unknown)):
        return Unknown(f"no digests of configuration files: {files}")
    present = {file.path: file.sha256 for file in files if file.sha256}
    return frozenset(
        conffile.path
        for conffile in conffiles
        if conffile.sha256 and present.get(conffile.path, conffile.sha256) != conffile.sha256
    )


def _outside_reads(readings: Readings) -> tuple[tuple[Listing, Digest, Digest], ...]:
    listed = (
        rpm_config.rpm_conffiles_of(readings) if is_rpm(readings) else understood(readings, STATUS, parse_conffiles)
    )
    conffiles = () if isinstance(listed, (Absent, Unknown)) else listed
    paths = sorted({c.path for c in conffiles if not c.path.startswith("/etc/")})
    # A path with glob characters would match something else; none is known.
    plain = [path for path in paths if not set(path) & set("*?[")]
    return tuple((Listing(path), Digest(path), Digest(path, algorithm="md5")) for path in plain)


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    return tuple(read for reads in _outside_reads(readings) for read in reads)


def alternatives_of(readings: Readings) -> Maybe[dict[str, str]]:
    """update-alternatives(1): group name -> the path that is chosen."""
    files = understood(readings, ETC_LISTING, lambda text: parse_listing(text, ETC_LISTING.key))
    if isinstance(files, (Absent, Unknown)):
        return files
    folder = "/etc/alternatives/"
    return {
        file.path.removeprefix(folder): file.target for file in files if file.path.startswith(folder) and file.target
    }


def parse_file_list(text: str) -> tuple[str, ...]:
    """``/var/lib/dpkg/info/<package>.list``: one path a line."""
    return tuple(line for line in text.split("\n") if line.startswith("/") and line != "/.")


def file_lists_probe(packages: Mapping[str, str]) -> Probe:
    """Which files the packages of a transaction own. ``packages`` is name -> architecture (empty when not known)."""
    reads: list[Read] = []
    for name, architecture in sorted(packages.items()):
        reads.append(File(f"/var/lib/dpkg/info/{name}.list"))
        if architecture and architecture != "all":  # Multi-Arch: same packages carry it in the name
            reads.append(File(f"/var/lib/dpkg/info/{name}:{architecture}.list"))
    if packages:
        reads.append(rpm_config.files_read(sorted(packages)))
    return Probe("package-files", tuple(reads), file_owners_of)


def file_owners_of(readings: Readings) -> Maybe[dict[str, str]]:
    """Path -> package, for the packages whose file lists the snapshot took."""
    prefix, suffix = "file:/var/lib/dpkg/info/", ".list"
    owners = rpm_config.rpm_owners_of(readings) if is_rpm(readings) else {}
    for key, reading in readings.items():
        if key.startswith(prefix) and key.endswith(suffix) and reading.ok:
            package = key.removeprefix(prefix).removesuffix(suffix).partition(":")[0]
            owners.update(dict.fromkeys(parse_file_list(reading.text), package))
    return owners


CONFIG_FILES = Probe(
    "config-files",
    (
        STATUS,
        OS_RELEASE,
        OS_RELEASE_VENDOR,
        rpm_config.CONFIG_FILES,
        ETC_LISTING,
        ETC_DIGESTS,
        ETC_MD5,
        UCF_REGISTRY,
        UCF_HASHES,
    ),
    config_files_of,
    _follow_ups,
)
CRONTABS = Probe("crontabs", (CRONTAB_LISTING, CRONTAB_DIGESTS), crontabs_of)

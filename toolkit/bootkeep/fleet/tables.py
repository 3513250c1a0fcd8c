"""The tables of the fleet's store, for SQLite and PostgreSQL alike.

Times are UTC text (``2026-11-23T17:03:12Z``), which sorts; JSON is text in ASCII, so that bytes which are no UTF-8 survive in
either database. Every row belongs to one host (its Salt minion id), and nothing that a minion sends reaches a row of another.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

#: Names of constraints, so that a later migration can name them in both databases.
METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_TIME = String(20)
_HOST = String(253)
_ID = String(32)
_SHA256 = String(64)
#: Counts rows in both databases; SQLite counts only in a column of exactly this type.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

#: One row a host: what the overview shows.
HOSTS = Table(
    "hosts",
    METADATA,
    Column("host", _HOST, primary_key=True),
    Column("first_seen", _TIME, nullable=False),
    Column("last_seen", _TIME, nullable=False),
    Column("name", Text, nullable=False, default=""),  # what the host calls itself
    Column("system", Text, nullable=False, default=""),  # Debian GNU/Linux 12 (bookworm)
    Column("tool_version", Text, nullable=False, default=""),
    Column("boot_id", Text, nullable=False, default=""),
    Column("running_kernel", Text, nullable=False, default=""),
    Column("default_kernel", Text, nullable=False, default=""),
    Column("last_good_kernel", Text, nullable=False, default=""),
    Column("reboot_pending", Boolean),  # NULL: not known
    Column("verdict", String(8), nullable=False, default="UNKNOWN"),
    Column("verdict_sentence", Text, nullable=False, default=""),
    Column("verdict_at", _TIME, nullable=False, default=""),
    Column("last_transaction", _ID, nullable=False, default=""),
    Column("runbook", String(16), nullable=False, default=""),  # document id of the copy kept here
    # facts.runbook.Freshness of that copy, as the host said last
    Column("runbook_state", String(16), nullable=False, default="UNKNOWN", server_default="UNKNOWN"),
    Column(
        "runbook_moved", Text, nullable=False, default="", server_default=""
    ),  # sections that changed since, by comma
    Column("runbook_state_at", _TIME, nullable=False, default="", server_default=""),  # when the host said so
    # since when the copy does not fit; empty while it does, and while nobody has said anything
    Column("runbook_bad_since", _TIME, nullable=False, default="", server_default=""),
    Column("runbook_at", _TIME, nullable=False, default=""),
    Column("waiting", Integer, nullable=False, default=0),  # records on the host that are not stored here yet
    Column("bytes", BigInteger, nullable=False, default=0),  # what this host's bodies take here
    # what its manifests, verdicts and reports take: they count into its share too
    Column("other_bytes", BigInteger, nullable=False, default=0, server_default="0"),
    Column("problem", Text, nullable=False, default=""),  # what keeps its records from coming; empty when nothing does
    # the newest transaction that was removed here for its age or number: what the host still lists up to it is not fetched again
    Column("let_go", _ID, nullable=False, default="", server_default=""),
)

#: One row a transaction: its newest state.
TRANSACTIONS = Table(
    "transactions",
    METADATA,
    Column("host", _HOST, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("started_at", _TIME, nullable=False),
    Column("ended_at", _TIME, nullable=False, default=""),
    Column("manager", Text, nullable=False, default=""),
    Column("command", Text, nullable=False, default=""),
    Column("user", Text, nullable=False, default=""),
    Column("salt_job", Text, nullable=False, default=""),
    Column("outcome", String(16), nullable=False),
    Column("outcome_detail", Text, nullable=False, default=""),
    Column("phases", Text, nullable=False, default="[]"),  # JSON list
    Column("packages", Integer, nullable=False, default=0),
    Column("verdict", String(8), nullable=False, default="UNKNOWN"),
    Column("verdict_sentence", Text, nullable=False, default=""),
    Column("summary", Text, nullable=False, default=""),  # the report's sentence; empty until it is made
    Column("weakened", Integer, nullable=False, default=0),
    Column("mood", String(8), nullable=False, default="odd"),  # good, odd, bad
    Column("digest", _SHA256, nullable=False),  # of the newest record
    Column("reported", _SHA256, nullable=False, default=""),  # the record that the report stands on
    Column("first_stored_at", _TIME, nullable=False),
    Column("stored_at", _TIME, nullable=False),
    # grows with each write of this row, over all rows: what is greater than a reader's last one is new to it
    Column("change", BigInteger, nullable=False, default=0, server_default="0"),
    # of the process that ran it: within one boot these tell which came later, whatever the clock said
    Column("boot_id", Text, nullable=False, default="", server_default=""),
    Column("start_ticks", BigInteger, nullable=False, default=0, server_default="0"),
    ForeignKeyConstraint(["host"], ["hosts.host"], ondelete="CASCADE"),
    Index("ix_transactions_started", "started_at"),
    Index("ix_transactions_change", "change"),
)

#: One row for each state of a transaction that a host delivered: append only, so that a rewritten past shows.
RECORDS = Table(
    "records",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),  # in the order of storing
    Column("host", _HOST, nullable=False),
    Column("id", _ID, nullable=False),
    Column("digest", _SHA256, nullable=False),  # of the manifest
    Column("phase", String(8), nullable=False),
    Column("manifest", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("stored_at", _TIME, nullable=False),
    UniqueConstraint("host", "id", "digest"),
    ForeignKeyConstraint(["host", "id"], ["transactions.host", "transactions.id"], ondelete="CASCADE"),
)

#: The files of all records, each content once a host.
BODIES = Table(
    "bodies",
    METADATA,
    Column("host", _HOST, primary_key=True),
    Column("sha256", _SHA256, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(["host"], ["hosts.host"], ondelete="CASCADE"),
)

#: Every verdict on record, by phase.
VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("host", _HOST, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("phase", String(8), primary_key=True),
    Column("verdict", String(8), nullable=False),
    Column("sentence", Text, nullable=False),
    Column("findings", Text, nullable=False),  # JSON list of facts.finding.Finding
    ForeignKeyConstraint(["host", "id"], ["transactions.host", "transactions.id"], ondelete="CASCADE"),
)

#: What each transaction changed, as its report says; ``same`` is equal where the same thing happened on another host.
CHANGES = Table(
    "changes",
    METADATA,
    Column("host", _HOST, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("same", String(32), nullable=False),
    Column("change_class", String(32), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("family", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("package", Text, nullable=False, default=""),
    Column("rule", Text, nullable=False, default=""),
    Column("sentence", Text, nullable=False),
    ForeignKeyConstraint(["host", "id"], ["transactions.host", "transactions.id"], ondelete="CASCADE"),
    Index("ix_changes_same", "same"),
)

#: The report of a transaction, gzipped JSON of reports.document.Report.
REPORTS = Table(
    "reports",
    METADATA,
    Column("host", _HOST, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("digest", _SHA256, nullable=False),  # of the record that it stands on
    Column("headline", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("generated_at", _TIME, nullable=False),
    Column("tool_version", Text, nullable=False),
    ForeignKeyConstraint(["host", "id"], ["transactions.host", "transactions.id"], ondelete="CASCADE"),
)

#: The runbooks of each host, the newest few; gzipped text.
RUNBOOKS = Table(
    "runbooks",
    METADATA,
    Column("host", _HOST, primary_key=True),
    Column("document_id", String(16), primary_key=True),
    Column("generated_at", _TIME, nullable=False),
    Column("fingerprint", Text, nullable=False),  # JSON of facts.runbook.Fingerprint
    Column("content", LargeBinary, nullable=False),
    Column("stored_at", _TIME, nullable=False),
    ForeignKeyConstraint(["host"], ["hosts.host"], ondelete="CASCADE"),
)

#: Looks at a host that somebody asked for, and what became of each.
CAPTURES = Table(
    "captures",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("host", _HOST, nullable=False),
    Column("reason", Text, nullable=False),  # boot, hook missed, or the administrator's words
    Column("asked_by", Text, nullable=False),
    Column("asked_at", _TIME, nullable=False),
    Column("state", String(8), nullable=False, default="asked"),  # asked, sent, done, failed
    Column("done_at", _TIME, nullable=False, default=""),
    Column("detail", Text, nullable=False, default=""),
    Index("ix_captures_state", "state"),
)

#: What somebody has to be told, each thing once; ``told_at`` is empty until it was.
ALERTS = Table(
    "alerts",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("host", _HOST, nullable=False),
    Column("id", _ID, nullable=False, default=""),
    Column(
        "kind", String(24), nullable=False
    ),  # no-go, weakened, hook-missed, runbook-overdue, refused-input, spool-pruned
    Column("key", String(64), nullable=False),  # with host and kind: what makes it the same alert
    Column("same", String(32), nullable=False, default=""),  # equal on hosts to which the same thing happened
    Column("text", Text, nullable=False),
    Column("raised_at", _TIME, nullable=False),
    Column("told_at", _TIME, nullable=False, default=""),
    UniqueConstraint("host", "kind", "key"),
    Index("ix_alerts_told", "told_at"),
)

#: What was turned away, by sender: bounded, one row for each kind of it.
REFUSALS = Table(
    "refusals",
    METADATA,
    Column("sender", _HOST, primary_key=True),
    Column("why", String(64), primary_key=True),
    Column("example", Text, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("first_at", _TIME, nullable=False),
    Column("last_at", _TIME, nullable=False),
)

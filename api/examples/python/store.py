"""Keeps the latest contact per id, and the markers, in one SQLite file that the members of the group share."""

import json
import sqlite3
from contextlib import contextmanager

from google.protobuf.json_format import MessageToDict

SCHEMA = """
CREATE TABLE IF NOT EXISTS contacts (
    tenant TEXT, id TEXT, version INTEGER NOT NULL, contact TEXT, PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fences (
    topic TEXT, partition INTEGER, tenant TEXT, epoch INTEGER NOT NULL, PRIMARY KEY (topic, partition, tenant)
) WITHOUT ROWID;
"""


class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(path, timeout=60, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.executescript(SCHEMA)

    @contextmanager
    def transaction(self):
        """A batch of records is kept together, and on the disk when this ends: then its offsets may be committed."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def fence(self, topic, partition, tenant, epoch):
        self.db.execute(
            "INSERT INTO fences VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET epoch = max(epoch, excluded.epoch)",
            (topic, partition, tenant, epoch),
        )

    def is_void(self, topic, partition, change):
        row = self.db.execute(
            "SELECT epoch FROM fences WHERE topic = ? AND partition = ? AND tenant = ?", (topic, partition, change.tenant)
        ).fetchone()
        return row is not None and change.epoch < row[0]

    def keep(self, change):
        """Newer wins: a repeat, and what comes late from where the key lived before the topic grew, changes nothing."""
        contact = None if change.contact is None else json.dumps(MessageToDict(change.contact), sort_keys=True)
        self.db.execute(
            "INSERT INTO contacts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET version = excluded.version, contact = excluded.contact WHERE excluded.version > version",
            (change.tenant, change.id, change.version, contact),
        )

    def lines(self):
        """Every contact that is not forgotten, as JSON."""
        for tenant, id, version, contact in self.db.execute(
            "SELECT tenant, id, version, contact FROM contacts WHERE contact IS NOT NULL ORDER BY tenant, id"
        ):
            yield json.dumps({"tenant": tenant, "id": id, "revision": str(version >> 1), "contact": json.loads(contact)})

    def close(self):
        self.db.close()

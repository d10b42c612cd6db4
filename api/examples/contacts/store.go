package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	_ "modernc.org/sqlite"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"

	"github.com/busyhour/busyhour/api/consume"
)

const schema = `
CREATE TABLE IF NOT EXISTS versions (tenant TEXT, subject TEXT, version INTEGER NOT NULL, PRIMARY KEY (tenant, subject)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fences (topic TEXT, partition INTEGER, tenant TEXT, epoch INTEGER NOT NULL, PRIMARY KEY (topic, partition, tenant)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contacts (tenant TEXT, id TEXT, revision INTEGER NOT NULL, contact TEXT NOT NULL, PRIMARY KEY (tenant, id)) WITHOUT ROWID;`

// store keeps an event's revision and what it brings about in one transaction: so it happens once, whatever crashes.
type store struct{ db *sql.DB }

func openStore(path string) (*store, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // SQLite has one writer
	if _, err := db.Exec(schema); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return &store{db}, nil
}

func (s *store) Close() error { return s.db.Close() }

type transaction struct{}

// Once is for the Consumer; handlers find the transaction in their context.
func (s *store) Once(ctx context.Context, of consume.Record, v consume.Version, handle func(context.Context) error) (bool, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // of what is committed it changes nothing
	raised, err := tx.ExecContext(ctx, `INSERT INTO versions VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET version = excluded.version WHERE excluded.version > version`, of.Tenant, of.Subject, int64(v))
	if err != nil {
		return false, err
	}
	if n, err := raised.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	if err := handle(context.WithValue(ctx, transaction{}, tx)); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// Fence is for the Consumer.
func (s *store) Fence(ctx context.Context, at consume.Partition, tenant string, epoch uint32) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO fences VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET epoch = max(epoch, excluded.epoch)`, at.Topic, at.Number, tenant, epoch)
	return err
}

// Fences is for the Consumer.
func (s *store) Fences(ctx context.Context, at consume.Partition) (map[string]uint32, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT tenant, epoch FROM fences WHERE topic = ? AND partition = ?`, at.Topic, at.Number)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	fences := map[string]uint32{}
	for rows.Next() {
		var tenant string
		var epoch uint32
		if err := rows.Scan(&tenant, &epoch); err != nil {
			return nil, err
		}
		fences[tenant] = epoch
	}
	return fences, rows.Err()
}

// keep the contact as it is after the event.
func (s *store) keep(ctx context.Context, e consume.Event[*routingv1.ContactEvent]) error {
	tx := ctx.Value(transaction{}).(*sql.Tx)
	id := e.Subject[len("contact:"):]
	if e.Deleted {
		_, err := tx.ExecContext(ctx, `DELETE FROM contacts WHERE tenant = ? AND id = ?`, e.Tenant, id)
		return err
	}
	contact, err := protojson.Marshal(e.Data.Contact)
	if err != nil {
		return fmt.Errorf("contact %s as JSON: %w", id, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO contacts VALUES (?, ?, ?, ?)`, e.Tenant, id, int64(e.Revision), string(contact))
	return err
}

// write every contact as a line of JSON.
func (s *store) write(path string) error {
	rows, err := s.db.Query(`SELECT tenant, id, revision, contact FROM contacts ORDER BY tenant, id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	for rows.Next() {
		var line struct {
			Tenant   string          `json:"tenant"`
			ID       string          `json:"id"`
			Revision string          `json:"revision"`
			Contact  json.RawMessage `json:"contact"`
		}
		var revision int64
		var contact string
		if err := rows.Scan(&line.Tenant, &line.ID, &revision, &contact); err != nil {
			return err
		}
		line.Revision, line.Contact = strconv.FormatInt(revision, 10), json.RawMessage(contact)
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), out.Flush(), file.Close())
}

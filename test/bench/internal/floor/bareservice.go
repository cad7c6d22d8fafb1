package floor

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	_ "github.com/glebarez/go-sqlite"  // the driver "sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"example.com/clew/test/bench/internal/work"
)

const (
	workers    = 16  // of a consumer
	relayBatch = 500 // messages
)

// A bareService is a database and the relay of its outbox.
type bareService struct {
	db         *sql.DB
	kind       Kind
	statements map[string]string // in the database's dialect
	committed  chan struct{}     // a signal to the relay, at most one waiting
}

// bareMessage is what a relay finds in the outbox.
type bareMessage struct {
	id, eventType, orderID, sku string
	leasedUntil                 int64
}

// openBare opens a database with the connections and the settings that package database gives a service.
func openBare(databaseURL string) (*bareService, error) {
	s := &bareService{kind: Postgres, statements: map[string]string{}, committed: make(chan struct{}, 1)}
	driver, source, open := "pgx", databaseURL, work.Connections
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		s.kind, driver, open = SQLite, "sqlite", 1
		source = "file:" + path + "?" + url.Values{
			"_txlock": {"immediate"},
			"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "busy_timeout(3000)"},
		}.Encode()
	}
	all := statementsOfAnOrder()
	for _, statement := range slices.Concat(all["order"], all["inventory"], []string{leaseMessages}) {
		s.statements[statement] = s.kind.dialect(statement)
	}
	var err error
	if s.db, err = sql.Open(driver, source); err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(open)
	s.db.SetMaxIdleConns(open)
	return s, nil
}

// transaction commits what fn does, and wakes the relay.
func (s *bareService) transaction(ctx context.Context, fn func(do func(statement string, args ...any))) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	fn(func(statement string, args ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, s.statements[statement], args...)
		}
	})
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	select {
	case s.committed <- struct{}{}:
	default:
	}
	return nil
}

// relay hands on what is committed, as many messages at once as are waiting, until ctx ends.
func (s *bareService) relay(ctx context.Context, handOn func(bareMessage)) error {
	work := context.WithoutCancel(ctx)
	for {
		messages, err := s.lease(work)
		if err != nil {
			return err
		}
		for _, m := range messages {
			handOn(m)
		}
		if err := s.settle(work, messages); err != nil {
			return err
		}
		if len(messages) == relayBatch {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.committed:
		}
	}
}

func (s *bareService) lease(ctx context.Context) ([]bareMessage, error) {
	const leaseTime, maxFailures, batchBytes = 10 * time.Second, 5, 1 << 20
	now := time.Now()
	rows, err := s.db.QueryContext(ctx, s.statements[leaseMessages],
		now.Add(leaseTime).UnixMicro(), now.UnixMicro(), maxFailures, relayBatch, batchBytes)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var messages []bareMessage
	for rows.Next() {
		var m bareMessage
		var data string
		var rest [12]any
		if err := rows.Scan(&m.id, &rest[0], &rest[1], &m.eventType, &m.orderID, &rest[2], &data, &rest[3], &rest[4],
			&rest[5], &rest[6], &m.leasedUntil, &rest[7], &rest[8], &rest[9], &rest[10], &rest[11]); err != nil {
			return nil, err
		}
		_, after, _ := strings.Cut(data, `"sku":"`)
		m.sku, _, _ = strings.Cut(after, `"`)
		messages = append(messages, m)
	}
	slices.SortFunc(messages, func(a, b bareMessage) int { return strings.Compare(a.id, b.id) })
	return messages, rows.Err()
}

func (s *bareService) settle(ctx context.Context, messages []bareMessage) error {
	if len(messages) == 0 {
		return nil
	}
	args := []any{time.Now().UnixMicro(), messages[0].leasedUntil}
	for _, m := range messages {
		args = append(args, m.id)
	}
	for n := len(messages); n&(n-1) != 0; n++ { // as the outbox does, for fewer statements
		args = append(args, args[len(args)-1])
	}
	statement := strings.Replace(settleMessages, "(?)", "(?"+strings.Repeat(",?", len(args)-3)+")", 1)
	_, err := s.db.ExecContext(ctx, s.kind.dialect(statement), args...)
	return err
}

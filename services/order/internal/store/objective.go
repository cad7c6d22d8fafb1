package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"example.com/clew/services/messaging/database"
	"example.com/clew/services/order/internal/order"
)

// sweepBatch is the most orders that one transaction of Sweep counts, so that it does not keep others waiting for long.
const sweepBatch = 500

// Sweep adds verdicts that were not counted yet to the totals. An order that is overdue at now gets its verdict, bad, here. A
// verdict is counted in the transaction that marks it as counted, so it counts once, even if several processes sweep at the
// same time or are killed meanwhile.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	// Mostly there is nothing to count, and a look takes the database much less than a transaction that writes.
	if due, err := s.due(ctx, now); err != nil || !due {
		return err
	}
	for {
		n, err := s.countBatch(ctx, now)
		if err != nil {
			return fmt.Errorf("count orders for the objective: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}

// uncounted is the condition for orders with a verdict that is not counted yet, or due.
const uncounted = "objective_counted = 0 AND (objective <> '' OR created_at < ?)"

func (s *Store) due(ctx context.Context, now time.Time) (due bool, err error) {
	query := "SELECT id FROM orders WHERE " + strings.Replace(uncounted, "?", "$1", 1) + " LIMIT 1"
	err = s.db.Query(ctx, nil, func(func(...any) error) error { due = true; return nil }, query, late(now))
	if err != nil {
		return false, fmt.Errorf("look for orders to count for the objective: %w", err)
	}
	return due, nil
}

func (s *Store) countBatch(ctx context.Context, now time.Time) (n int, err error) {
	err = s.db.Write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		// Rows that another sweep has locked are counted there.
		due := tx.Table("orders").Select("id").
			Where(uncounted, late(now)).Limit(sweepBatch)
		var verdicts []order.Verdict
		err := tx.Raw(`
			UPDATE orders SET objective_counted = 1, objective = CASE objective WHEN '' THEN 'bad' ELSE objective END
			WHERE id IN (?) RETURNING objective`, database.SkipLocked(due)).Scan(&verdicts).Error
		if err != nil {
			return err
		}
		n = len(verdicts)
		totals := map[order.Verdict]int{}
		for _, verdict := range verdicts {
			totals[verdict]++
		}
		for _, verdict := range [...]order.Verdict{order.Good, order.Bad} { // always in this order: no deadlock
			if totals[verdict] == 0 {
				continue
			}
			err := tx.Exec("UPDATE orders_objective SET total = total + ? WHERE result = ?", totals[verdict], verdict).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// A Standing has the totals of the objective. It is the same in every process.
type Standing struct {
	Totals  map[order.Verdict]int64 // of all orders ever counted: good and bad
	Overdue int64                   // pending for longer than the objective
}

// Standing returns the totals at now.
func (s *Store) Standing(ctx context.Context, now time.Time) (Standing, error) {
	var rows []struct {
		Result order.Verdict
		Total  int64
	}
	standing := Standing{Totals: map[order.Verdict]int64{}}
	db := s.db.Read.WithContext(ctx)
	err := db.Raw("SELECT result, total FROM orders_objective").Scan(&rows).Error
	if err == nil {
		err = db.Raw("SELECT COUNT(*) FROM orders WHERE finished_at = 0 AND created_at < ?", late(now)).
			Scan(&standing.Overdue).Error
	}
	if err != nil {
		return Standing{}, fmt.Errorf("read how the objective is met: %w", err)
	}
	for _, row := range rows {
		standing.Totals[row.Result] = row.Total
	}
	return standing, nil
}

// late returns the latest time of acceptance of orders that have missed the objective at now.
func late(now time.Time) int64 { return now.Add(-order.Objective).UnixMicro() }

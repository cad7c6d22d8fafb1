package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"example.com/clew/services/messaging/database"
	"example.com/clew/services/order/internal/order"
)

// sweepBatch bounds how many orders one transaction of Sweep counts, and so how long it keeps others waiting.
const sweepBatch = 500

// Sweep adds the verdicts that were not counted yet to the totals; an order that is pending for too long at the time now
// gets its own here, a bad one. A verdict is counted in the transaction that marks it counted, so it counts once, also
// if several processes sweep at the same time or are killed at it.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
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

func (s *Store) countBatch(ctx context.Context, now time.Time) (n int, err error) {
	err = s.db.Write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		// What another sweep has locked is being counted by it.
		due := tx.Table("orders").Select("id").
			Where("objective_counted = 0 AND (objective <> '' OR created_at < ?)", late(now)).Limit(sweepBatch)
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

// A Standing is how the objective is met. It is the same for every caller.
type Standing struct {
	Totals  map[order.Verdict]int64 // of all orders ever counted: good and bad
	Overdue int64                   // pending for longer than the objective
}

// Standing returns how the objective is met at the time now.
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

// late is when an order was accepted, or before, that does not meet the objective at the time now.
func late(now time.Time) int64 { return now.Add(-order.Objective).UnixMicro() }

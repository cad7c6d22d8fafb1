package floor

import (
	"testing"
)

func TestAStatementIsWrittenAsItsDatabaseWantsIt(t *testing.T) {
	for statement, want := range map[string]string{
		lockStock: "SELECT sku, available, reserved FROM stock WHERE sku IN ($1) ORDER BY sku FOR UPDATE",
		settleMessages: "UPDATE outbox SET published_at = $1 WHERE id IN (WITH locked AS MATERIALIZED (SELECT id FROM outbox " +
			"WHERE leased_until = $2 AND id IN ($3) ORDER BY id FOR UPDATE) SELECT * FROM locked)",
	} {
		if got := Postgres.dialect(statement); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got := SQLite.dialect(statement); got != statement {
			t.Error(got)
		}
	}
}

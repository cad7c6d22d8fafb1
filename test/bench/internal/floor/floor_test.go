package floor

import (
	"testing"
)

func TestAStatementIsWrittenAsItsDatabaseWantsIt(t *testing.T) {
	if got, want := Postgres.dialect(lockStock), `SELECT * FROM "stock" WHERE sku IN ($1) ORDER BY sku FOR UPDATE`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := SQLite.dialect(lockStock); got != lockStock {
		t.Error(got)
	}
}

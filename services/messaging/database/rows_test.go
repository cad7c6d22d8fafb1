package database_test

import (
	"testing"

	"example.com/clew/services/messaging/database"
)

func TestPlacesAreNumberedRowByRow(t *testing.T) {
	for _, test := range []struct {
		rows, columns int
		want          string
	}{
		{1, 1, "($1)"},
		{1, 3, "($1, $2, $3)"},
		{3, 2, "($1, $2), ($3, $4), ($5, $6)"},
	} {
		if got := database.Places(test.rows, test.columns); got != test.want {
			t.Errorf("%d rows of %d columns: %s, want %s", test.rows, test.columns, got, test.want)
		}
	}
}

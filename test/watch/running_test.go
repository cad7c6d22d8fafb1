package watch_test

import (
	"encoding/json"
	"testing"

	"example.com/clew/test/internal/clewtest"
)

// running is a Clew of real processes.
type running struct {
	*clewtest.Clew
	t *testing.T
}

// startClew starts Clew until the end of the test.
func startClew(t *testing.T, env ...string) *running {
	t.Helper()
	binaries, err := clewtest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &running{binaries.Start(t, env...), t}
}

// orders places orders of a SKU and waits until each is finished or dead-lettered.
func (r *running) orders(sku, count string) {
	r.t.Helper()
	var orders []json.RawMessage
	if err := json.Unmarshal([]byte(r.Run("order", "--json", "--sku", sku, "--count", count)), &orders); err != nil {
		r.t.Fatal(err)
	}
}

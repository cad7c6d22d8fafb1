package levels

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/clew/services/inventory/internal/stock"
	"example.com/clew/services/inventory/internal/store"
	"example.com/clew/services/inventory/internal/store/migrations"
	"example.com/clew/services/messaging/database"
)

// newSampler returns a sampler of a database that was seeded with 5 lamps and no mug.
func newSampler(t *testing.T) (*Sampler, *prometheus.Registry, *database.DB) {
	t.Helper()
	db, err := database.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "inventory.db"), migrations.FS,
		noop.NewTracerProvider(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	items, seed := store.New(db, nil), []stock.Item{{SKU: "lamp", Available: 5}, {SKU: "mug"}}
	if err := items.Seed(t.Context(), seed); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	return NewSampler(items, seed, registry), registry, db
}

func TestWhatASamplerReports(t *testing.T) {
	s, registry, db := newSampler(t)
	exec := func(statement string) {
		if err := db.Write.Exec(statement).Error; err != nil {
			t.Fatal(err)
		}
	}
	report := func(lamps int) string {
		return fmt.Sprintf(`
			# HELP stock_available Available units of the SKUs that the service was seeded with.
			# TYPE stock_available gauge
			stock_available{sku="lamp"} %d
			stock_available{sku="mug"} 0
		`, lamps)
	}
	for _, step := range []struct {
		name   string
		change string
		fails  bool
		report string
	}{
		{"as it was seeded", "SELECT 1", false, report(5)},
		{"changed", "UPDATE stock SET available = 3 WHERE sku = 'lamp'", false, report(3)},
		{"anybody's SKU is no label", "INSERT INTO stock VALUES ('vase', 1, 0)", false, report(3)},
		{"after a failure nothing, and no zero", "ALTER TABLE stock RENAME TO away", true, ""},
		{"after its end", "ALTER TABLE away RENAME TO stock", false, report(3)},
	} {
		exec(step.change)
		if err := s.Sample(t.Context()); (err != nil) != step.fails {
			t.Errorf("%s: error %v", step.name, err)
		}
		if err := testutil.GatherAndCompare(registry, strings.NewReader(step.report)); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}

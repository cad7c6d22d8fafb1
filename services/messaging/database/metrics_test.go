package database_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"gorm.io/gorm"

	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/messagingtest"
)

func TestEveryStatementIsMeasured(t *testing.T) { messagingtest.EachDatabase(t, testMetrics) }

func testMetrics(t *testing.T, databaseURL string) {
	registry, tp := prometheus.NewRegistry(), sdktrace.NewTracerProvider()
	db, err := database.Open(t.Context(), databaseURL, own, tp, registry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	sampled, span := tp.Tracer("test").Start(t.Context(), "request")
	defer span.End()
	err = db.Write.WithContext(sampled).Transaction(func(tx *gorm.DB) error {
		return gorm.G[lamp](tx).Create(sampled, &lamp{"desk", 7})
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // traced by nobody
		if _, err := gorm.G[lamp](db.Read).Find(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Read.Exec("nonsense").Error; err == nil {
		t.Error("nonsense was understood")
	}

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	traced := " of " + span.SpanContext().TraceID().String()
	wantStatements := []string{"BEGIN/ 1" + traced, "COMMIT/ 1" + traced, "INSERT/lamps 1" + traced, "NONSENSE/ 1", "SELECT/lamps 2"}
	wantPools := []string{"postgres"}
	if strings.HasPrefix(databaseURL, "sqlite") {
		wantStatements = append(wantStatements, "SELECT/ 2") // GORM asks each pool for the version
		wantPools = []string{"read", "write"}
	}
	slices.Sort(wantStatements)
	if diff := cmp.Diff(wantStatements, statements(families)); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantPools, pools(families)); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
}

// statements are the operations and tables that were measured, how often, and in which trace if an exemplar tells.
func statements(families []*dto.MetricFamily) (found []string) {
	for _, m := range metrics(families, "db_client_operation_duration_seconds") {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		line := fmt.Sprintf("%s/%s %d", labels["db_operation_name"], labels["db_collection_name"], m.GetHistogram().GetSampleCount())
		for _, bucket := range m.GetHistogram().GetBucket() {
			for _, l := range bucket.GetExemplar().GetLabel() {
				line += " of " + l.GetValue()
			}
		}
		found = append(found, line)
	}
	slices.Sort(found)
	return found
}

// pools are the names of connection pools.
func pools(families []*dto.MetricFamily) (found []string) {
	for _, m := range metrics(families, "go_sql_max_open_connections") {
		found = append(found, m.GetLabel()[0].GetValue())
	}
	return found
}

func metrics(families []*dto.MetricFamily, name string) []*dto.Metric {
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if i < 0 {
		return nil
	}
	return families[i].GetMetric()
}

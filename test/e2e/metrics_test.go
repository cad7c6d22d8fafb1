package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/traceapi"
	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/observability/viewer/story"
	"example.com/clew/services/contracts"
)

// The metrics on which dashboards and alerts of others may rely, with their types and labels. D is the destination, G the
// consumer group and T the event type.
const promised = `
	messaging_client_sent_messages_total         counter    D T error_type messaging_system
	messaging_client_consumed_messages_total     counter    D G messaging_system
	messaging_client_operation_duration_seconds  histogram  D messaging_operation_name messaging_system
	messaging_process_duration_seconds           histogram  D G T outcome error_type messaging_system
	messaging_end_to_end_duration_seconds        histogram  D G T
	messaging_stream_lag_messages                gauge      D G P
	messaging_stream_lag_capped                  gauge      D G P
	messaging_stream_lag_seconds                 gauge      D G P
	messaging_stream_pending_messages            gauge      D G P
	messaging_stream_oldest_pending_seconds      gauge      D G P
	messaging_stream_messages                    gauge      D P
	messaging_stream_consumers                   gauge      D G P
	messaging_taken_over_messages_total          counter    D G
	messaging_lost_messages_total                counter    D G
	messaging_dead_letters_total                 counter    D G reason
	messaging_dead_letter_messages               gauge      D P
	messaging_dead_letter_oldest_seconds         gauge      D P
	messaging_redriven_messages_total            counter    D G
	messaging_lag_sample_errors_total            counter    D
	outbox_pending_messages                      gauge
	outbox_oldest_message_seconds                gauge
	outbox_parked_messages                       gauge
	outbox_wait_seconds                          histogram
	outbox_relay_batch_messages                  histogram
	orders_accepted_total                        counter
	orders_finished_total                        counter    status
	order_completion_seconds                     histogram  status
	orders_objective_total                       counter    result
	orders_overdue                               gauge
	stock_reservations_total                     counter    outcome
	stock_available                              gauge      sku
	redis_pool_connections                       gauge      pool state
	dependency_up                                gauge      dependency
	db_client_operation_duration_seconds         histogram  db_operation_name db_collection_name
	go_sql_open_connections                      gauge      db_name
	go_goroutines                                gauge
	go_build_info                                gauge      checksum path version
	process_cpu_seconds_total                    counter
	otel_sdk_processor_span_queue_size           gauge      otel_component_name otel_component_type
	otel_sdk_processor_span_queue_capacity       gauge      otel_component_name otel_component_type`

// Families of these are in the table of docs/metrics.md, those of libraries only by their prefixes.
var (
	documented  = []string{"db_", "dependency_", "http_server_", "messaging_", "order_", "orders_", "outbox_", "redis_", "stock_"}
	ofLibraries = []string{"go_", "otel_sdk_", "process_", "promhttp_"}
)

// A family is what all series of a metric have in common.
type family struct {
	Name, Type, Help string
	Labels           []string // in alphabetical order
}

// families scrapes both services.
func (s *stack) families() map[string]family {
	s.t.Helper()
	families := map[string]family{}
	for _, admin := range []string{s.orderAdmin, s.inventoryAdmin} {
		scraped, err := new(expfmt.NewTextParser(model.LegacyValidation)).TextToMetricFamilies(strings.NewReader(s.scrape(admin, "")))
		if err != nil {
			s.t.Fatal(err)
		}
		for name, m := range scraped {
			f := family{name, strings.ToLower(m.GetType().String()), m.GetHelp(), labelsOf(m)}
			if other, ok := families[name]; ok && !cmp.Equal(f, other) {
				s.t.Errorf("two services have one metric (-one +other):\n%s", cmp.Diff(f, other))
			}
			families[name] = f
		}
	}
	return families
}

// labelsOf returns the labels that series of a family have.
func labelsOf(f *dto.MetricFamily) (labels []string) {
	for _, metric := range f.GetMetric() {
		for _, label := range metric.GetLabel() {
			labels = append(labels, label.GetName())
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

func (s *stack) scrape(admin, accept string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, admin+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, error %v", request.URL, response.Status, err)
	}
	return string(text)
}

func TestEveryDesignedMetricIsThereFromTheStart(t *testing.T) {
	newStack(t).awaitPromised()
}

// awaitPromised waits until every promised metric is there: some need a sample.
func (s *stack) awaitPromised() {
	s.t.Helper()
	long := strings.NewReplacer("D", "messaging_destination_name", "G", "messaging_consumer_group_name",
		"P", "messaging_destination_partition_id", "T", "event_type")
	processtest.Eventually(s.t, "all metrics are there", func() error {
		var missing []error
		families := s.families()
		for line := range strings.Lines(strings.TrimSpace(promised)) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			want := strings.Fields(long.Replace(rest))
			slices.Sort(want[1:])
			if got := append([]string{families[name].Type}, families[name].Labels...); !slices.Equal(got, want) {
				missing = append(missing, fmt.Errorf("%s is %q, want %q", name, got, want))
			}
		}
		return errors.Join(missing...)
	})
}

func TestEveryMetricIsDocumented(t *testing.T) {
	s := newStack(t)
	s.place("lamp")
	s.place(contracts.TestFlaky)
	s.accept(contracts.TestInvalid, "")
	s.awaitEnded("dead_letter orders", 1)
	s.ask("GET", s.inventory+"/stock/lamp", "", http.StatusOK, nil)
	s.ask("GET", s.order+"/orders/none", "", http.StatusNotFound, nil)

	s.awaitPromised()
	families := s.families()
	table := "| metric | type | labels | what it says |\n|---|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		switch {
		case slices.ContainsFunc(documented, begins):
			labels := ""
			for _, label := range f.Labels {
				labels += " `" + label + "`"
			}
			table += fmt.Sprintf("| `%s` | %s |%s | %s |\n", name, f.Type, labels, f.Help)
		case !slices.ContainsFunc(ofLibraries, begins):
			t.Errorf("%s is neither in the table of docs/metrics.md nor named there by its prefix", name)
		}
	}
	const path, begin, end = "../../docs/metrics.md", "<!-- from a scrape -->\n", "<!-- end -->\n"
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(document), begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("%s has no %s and %s, between which the table belongs", path, begin, end)
	}
	telemetrytest.GoldenFile(t, path, before+begin+table+end+after)
}

// An exemplar is the way from a number to what it is made of.
func TestExemplarsLeadToTraces(t *testing.T) {
	s := newStack(t)
	s.place("lamp")
	s.ask("GET", s.inventory+"/stock/lamp", "", http.StatusOK, nil)
	traces := traceapi.New(s.viewer)
	for service, test := range map[string]struct {
		admin   string
		metrics []string
	}{
		"order": {s.orderAdmin, []string{"http_server_request_duration_seconds", "messaging_process_duration_seconds",
			"messaging_end_to_end_duration_seconds", "order_completion_seconds"}},
		"inventory": {s.inventoryAdmin, []string{"http_server_request_duration_seconds", "messaging_process_duration_seconds",
			"messaging_end_to_end_duration_seconds"}},
	} {
		for _, metric := range test.metrics {
			exemplar := regexp.MustCompile(`(?m)^` + metric + `_bucket\{.* # \{.*trace_id="([0-9a-f]{32})"`)
			processtest.Eventually(t, service+"'s "+metric+" leads to a trace of its own", func() error {
				found := exemplar.FindStringSubmatch(s.scrape(test.admin, "application/openmetrics-text"))
				if found == nil {
					return errors.New("there is no exemplar")
				}
				trace, err := traces.Trace(t.Context(), found[1])
				if err == nil && !slices.ContainsFunc(trace.Spans, func(span story.Span) bool { return span.Service == service }) {
					err = fmt.Errorf("the trace %s has no span of the service", found[1])
				}
				return err
			})
		}
	}
}

// Each process counts for all of them, and a new one goes on where they are.
func TestAllOrderProcessesReportTheSameObjective(t *testing.T) {
	s := newStack(t)
	admins := []string{s.orderAdmin}
	good := func(n int) {
		t.Helper()
		want := fmt.Sprintf("\norders_objective_total{result=\"good\"} %d\n", n)
		for _, admin := range admins {
			processtest.Eventually(t, "each order is counted once", func() error {
				if text := s.scrape(admin, ""); !strings.Contains(text, want) {
					return fmt.Errorf("want%sand have %s", want, regexp.MustCompile("(?m)^orders_objective.*$").FindAllString(text, -1))
				}
				return nil
			})
		}
	}
	s.place("lamp")
	s.place(contracts.TestOutOfStock)
	good(2)

	s.startOrder()
	admins = append(admins, s.orderAdmin)
	good(2)
	s.place("lamp")
	good(3)
}

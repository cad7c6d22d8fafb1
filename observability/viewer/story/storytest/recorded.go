package storytest

import (
	"embed"
	"encoding/json"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"example.com/clew/observability/viewer/story"
)

//go:embed testdata/*.json
var recordings embed.FS

// Recorded returns traces as a back end answered them: those of one order, first the one in which it was placed. testdata's
// README says which there are.
func Recorded(t testing.TB, kind string) (traces []*tracepb.TracesData) {
	t.Helper()
	data, err := recordings.ReadFile("testdata/" + kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct{ Trace json.RawMessage }
	if err := json.Unmarshal(data, &answers); err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers {
		decoded := &tracepb.TracesData{}
		if err := protojson.Unmarshal(answer.Trace, decoded); err != nil {
			t.Fatal(err)
		}
		traces = append(traces, decoded)
	}
	return traces
}

// Settings are those of the recorded orders.
var Settings = story.Settings{Deliveries: 5, Turns: []story.TurnSettings{
	{Service: "order", Request: "POST /orders", Stream: "orders", Types: []string{"order.created.v1"}},
	{Service: "inventory", Reads: "orders", Stream: "stock", Types: []string{"stock.reserved.v1", "stock.rejected.v1"}},
	{Service: "order", Reads: "stock", Stream: "orders", Types: []string{"order.confirmed.v1", "order.rejected.v1"}},
}}

package viewer

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Grafana's data source for Tempo asks these: whether somebody is there, who, and which attributes and values it may suggest
// in a search.

// tempoVersion is the release of Tempo whose answers the viewer gives. Grafana derives from it what the API can do.
const tempoVersion = "3.0.3"

const mostValues = 1000 // of one attribute that are suggested

func (v *Viewer) serveDataSource(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/echo", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "echo") })
	mux.HandleFunc("GET /api/status/buildinfo", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]string{"version": tempoVersion})
	})
	mux.HandleFunc("GET /api/v2/search/tags", v.getTags)
	mux.HandleFunc("GET /api/v2/search/tag/{tag}/values", v.getTagValues)
}

// getTags answers the names of all attributes, by scope. The parameter scope asks for one of them.
func (v *Viewer) getTags(w http.ResponseWriter, r *http.Request) {
	names := map[string]map[string]bool{"resource": {}, "span": {}, "intrinsic": {}}
	for _, name := range intrinsics {
		names["intrinsic"][name] = true
	}
	note := func(scope string, attributes []*commonpb.KeyValue) {
		for _, a := range attributes {
			names[scope][a.GetKey()] = true
		}
	}
	err := v.eachSpan(r.Context(), func(span *tracepb.Span, resource *resourcepb.Resource) {
		note("span", span.GetAttributes())
		note("resource", resource.GetAttributes())
	})
	if err != nil {
		writeError(w, err)
		return
	}
	type scope struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}
	scopes := []scope{}
	asked := r.URL.Query().Get("scope")
	for _, name := range []string{"resource", "span", "intrinsic"} {
		if asked == "" || asked == "none" || asked == name {
			scopes = append(scopes, scope{name, slices.Sorted(maps.Keys(names[name]))})
		}
	}
	writeJSON(w, map[string]any{"scopes": scopes})
}

// tagValue is a value as it is written in a query.
type tagValue struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// getTagValues answers the values of an attribute, such as .messaging.system, resource.service.name or name; at most 1 000.
func (v *Viewer) getTagValues(w http.ResponseWriter, r *http.Request) {
	tag := r.PathValue("tag")
	asked := &parser{rest: tag}
	field, err := asked.field()
	if err != nil || !asked.atEnd() {
		http.Error(w, fmt.Sprintf("%.100q is not an attribute: expected one such as .messaging.system or resource.service.name", tag),
			http.StatusBadRequest)
		return
	}
	values := map[tagValue]bool{}
	err = v.eachSpan(r.Context(), func(span *tracepb.Span, resource *resourcepb.Resource) {
		if len(values) == mostValues || field.isOfTrace() { // those are not suggested
			return
		}
		value := tagValue{Type: "keyword"}
		switch got := field.of(span, resource).GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			value.Value = got.StringValue
			if tag != "status" && tag != "kind" {
				value.Type = "string"
			}
		case *commonpb.AnyValue_IntValue:
			value = tagValue{"int", fmt.Sprint(got.IntValue)}
		case *commonpb.AnyValue_DoubleValue:
			value = tagValue{"float", fmt.Sprint(got.DoubleValue)}
		case *commonpb.AnyValue_BoolValue:
			value = tagValue{"bool", fmt.Sprint(got.BoolValue)}
		default:
			return
		}
		values[value] = true
	})
	if err != nil {
		writeError(w, err)
		return
	}
	sorted := slices.SortedFunc(maps.Keys(values), func(a, b tagValue) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
	writeJSON(w, map[string]any{"tagValues": append([]tagValue{}, sorted...)})
}

// eachSpan calls visit with each span that is kept.
func (v *Viewer) eachSpan(ctx context.Context, visit func(*tracepb.Span, *resourcepb.Resource)) error {
	return v.throughAll(ctx, func(ctx context.Context) error {
		for _, trace := range v.store.all() {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			decoded, err := trace.decode()
			if err != nil {
				return err
			}
			for _, resource := range decoded.GetResourceSpans() {
				for _, scope := range resource.GetScopeSpans() {
					for _, span := range scope.GetSpans() {
						visit(span, resource.GetResource())
					}
				}
			}
		}
		return nil
	})
}

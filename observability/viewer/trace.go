package viewer

import (
	"fmt"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Numbers of protobuf fields that are written by hand, from Tempo's tempo.proto.
const (
	fieldTrace   protowire.Number = 1 // TraceByIDResponse.trace, which has TracesData's fields
	fieldStatus  protowire.Number = 3 // TraceByIDResponse.status
	fieldMessage protowire.Number = 4 // TraceByIDResponse.message
)

// encode returns the trace as an encoded TracesData, spans in order of arrival under their resource and scope.
func (t storedTrace) encode() []byte {
	type pair struct{ resource, scope *shared }
	var resources []*shared
	scopes := map[*shared][]*shared{}
	scopeSpans := map[pair][]byte{}
	for _, span := range t.spans {
		key := pair{span.resource, span.scope}
		body, ok := scopeSpans[key]
		if !ok {
			body = []byte(span.scope.data)
			if scopes[span.resource] == nil {
				resources = append(resources, span.resource)
			}
			scopes[span.resource] = append(scopes[span.resource], span.scope)
		}
		scopeSpans[key] = appendBytes(body, fieldRecords, span.data)
	}
	var trace []byte
	for _, resource := range resources {
		body := []byte(resource.data)
		for _, scope := range scopes[resource] {
			body = appendBytes(body, fieldScopes, scopeSpans[pair{resource, scope}])
		}
		trace = appendBytes(trace, fieldResources, body)
	}
	return trace
}

func (t storedTrace) decode() (*tracepb.TracesData, error) {
	decoded := &tracepb.TracesData{}
	if err := proto.Unmarshal(t.encode(), decoded); err != nil {
		return nil, fmt.Errorf("decode trace: %w", err)
	}
	return decoded, nil
}

package story

import (
	"cmp"
	"slices"
)

// Routes tell which services take requests from outside, and between which services and streams messages travel.
type Routes struct {
	Serves    []string  `json:"serves"` // services
	Publishes []Publish `json:"publishes"`
	Consumes  []Consume `json:"consumes"`
}

// A Publish says that a service adds messages to a stream.
type Publish struct {
	Service string `json:"service"`
	Stream  string `json:"stream"`
}

// A Consume says that a service processes the messages of a stream for a consumer group.
type Consume struct {
	Stream  string `json:"stream"`
	Group   string `json:"group"`
	Service string `json:"service"`
}

// RoutesOf returns the routes that the spans of traces tell of, sorted.
func RoutesOf(traces []Trace) Routes {
	r := Routes{Serves: []string{}, Publishes: []Publish{}, Consumes: []Consume{}}
	for _, trace := range traces {
		for _, span := range trace.Spans {
			stream := span.Attributes.String("messaging.destination.name")
			switch {
			case span.Kind == KindServer:
				r.Serves = append(r.Serves, span.Service)
			case stream == "":
			case span.isAttempt():
				r.Consumes = append(r.Consumes, Consume{stream, span.Attributes.String(attributeGroup), span.Service})
			case span.Attributes.String(attributeOperation) == "send":
				r.Publishes = append(r.Publishes, Publish{span.Service, stream})
			}
		}
	}
	slices.Sort(r.Serves)
	slices.SortFunc(r.Publishes, func(a, b Publish) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Service, b.Service))
	})
	slices.SortFunc(r.Consumes, func(a, b Consume) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Service, b.Service))
	})
	return Routes{slices.Compact(r.Serves), slices.Compact(r.Publishes), slices.Compact(r.Consumes)}
}

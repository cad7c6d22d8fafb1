package page

import (
	"net/http"

	"example.com/clew/observability/viewer/story"
)

// getRoutes answers the ways that messages take, as the newest traces tell of them.
func (p *page) getRoutes(r *http.Request) (any, error) {
	traces, err := p.Viewer.NewestTraces(r.Context())
	if err != nil {
		return nil, err
	}
	return story.RoutesOf(traces), nil
}

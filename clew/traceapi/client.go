package traceapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"example.com/clew/observability/viewer/story"
)

// ErrNotFound means that the back end answered but does not hold the trace.
// Spans arrive a moment after the work they describe, so a caller that knows
// the trace must exist asks again.
var ErrNotFound = errors.New("no such trace here: it may still be on its way (try again in a second), " +
	"be too old to be kept, or never have been sampled")

// maxAnswer bounds what one answer may hold, in bytes; about 50 000 spans.
const maxAnswer = 64 << 20

// A Client reads from one back end. It is safe for concurrent use.
type Client struct {
	base string
}

// New returns a client of the API at base, for example "http://127.0.0.1:3000".
// It connects with the first request.
func New(base string) *Client {
	return &Client{base: strings.TrimRight(base, "/")}
}

// Trace returns the trace with this id (up to 32 hexadecimal digits), or an
// error that wraps ErrNotFound. It blocks until the answer or ctx ends. Soon
// after the work, some of a trace's spans may still be missing.
func (c *Client) Trace(ctx context.Context, id string) (story.Trace, error) {
	id, err := parseTraceID(id)
	if err != nil {
		return story.Trace{}, err
	}
	var trace story.Trace
	err = c.get(ctx, "/api/v2/traces/"+id, func(body []byte) (err error) {
		trace, err = decodeTrace(body, id)
		return err
	})
	if err != nil {
		return story.Trace{}, fmt.Errorf("read trace %s: %w", id, err)
	}
	// Tempo may answer 200 with an empty trace for one it does not know.
	if len(trace.Spans) == 0 {
		return story.Trace{}, fmt.Errorf("read trace %s: %w", id, ErrNotFound)
	}
	return trace, nil
}

// Search returns the newest 200 traces that a TraceQL query selects, such as
// `{ .cloudevents.event_type = "order.created.v1" }`; none is no error. The
// viewer knows only conjunctions of comparisons. It blocks like Trace.
func (c *Client) Search(ctx context.Context, query string) ([]Summary, error) {
	var answer searchAnswer
	decode := func(body []byte) error { return json.Unmarshal(body, &answer) }
	if err := c.get(ctx, "/api/search?"+url.Values{"q": {query}, "limit": {"200"}}.Encode(), decode); err != nil {
		return nil, fmt.Errorf("search traces: %w", err)
	}
	return answer.summaries(), nil
}

func (c *Client) get(ctx context.Context, path string, decode func([]byte) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer of %s: %w", c.base, err)
	case len(body) > maxAnswer:
		return fmt.Errorf("the answer of %s exceeds %d MiB", c.base, maxAnswer>>20)
	case response.StatusCode == http.StatusNotFound:
		return ErrNotFound
	case response.StatusCode != http.StatusOK:
		// Quoted and cut: it comes from outside and ends up in a terminal.
		return fmt.Errorf("%s answered %d: %.200q", c.base, response.StatusCode, body)
	}
	if err := decode(body); err != nil {
		return fmt.Errorf("decode the answer of %s: %w", c.base, err)
	}
	return nil
}

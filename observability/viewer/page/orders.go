package page

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"example.com/clew/observability/telemetry/httpserver"
)

// maxOrderBytes is the most bytes of an order's body, as in the order API.
const maxOrderBytes = 1 << 20

// untraced is a W3C trace context that is not sampled. The page reads orders when traces change: if reading made a trace, it
// would never stop.
const untraced = "00-00000000000000000000000000000001-0000000000000001-00"

// newOrders returns a client that keeps no connections: after a restart of the order service, an old one would fail the next
// order.
func newOrders() http.Client {
	return http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// forward forwards a request to the order API, and its answer to the page. Of the headers only baggage is forwarded: the trace
// of an order begins at the order API.
func (p *page) forward(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrderBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		httpserver.Problemf(http.StatusRequestEntityTooLarge, "an order has at most %d bytes", maxOrderBytes).Write(w)
		return
	}
	if err != nil {
		httpserver.Problemf(http.StatusBadRequest, "the order broke off: %v", err).Write(w)
		return
	}
	target := p.Orders + strings.TrimPrefix(r.URL.EscapedPath(), "/api")
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(body))
	if err != nil {
		httpserver.Problemf(http.StatusBadRequest, "the address is not a valid URL: %v", err).Write(w)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	if baggage := r.Header.Values("Baggage"); len(baggage) > 0 {
		request.Header["Baggage"] = baggage
	}
	if r.Method != http.MethodPost {
		request.Header.Set("Traceparent", untraced)
	}
	response, err := p.client.Do(request)
	if err != nil {
		httpserver.Problemf(http.StatusBadGateway, "the order service does not answer: see `clew status` and `clew logs order-1`").Write(w)
		return
	}
	defer response.Body.Close()
	w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
	if context := response.Header.Get("Traceresponse"); context != "" { // it says whether the trace is sampled
		w.Header().Set("Traceresponse", context)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body) // one of the two went away; the answer has begun
}

// sku is a choice in the form that places an order.
type sku struct {
	SKU     string `json:"sku"`
	Test    bool   `json:"test"`
	Teaches string `json:"teaches"`
}

// getSKUs lists the usual products, and the test SKUs with their effects, as in README.
func getSKUs(*http.Request) (any, error) {
	return Items([]sku{
		{"lamp", false, "is in stock: the order is confirmed"},
		{"bulb", false, "is in stock"},
		{"mug", false, "is in stock"},
		{"torch", false, "is in stock, 50 of them: more are refused"},
		{"test-slow", true, "takes 2 s: one long attempt, which no replica takes over"},
		{"test-flaky", true, "fails on its first two deliveries: three attempts, two failed"},
		{"test-poison", true, "fails until `clew fix poison`: five attempts, the dead letter, and after a redrive the success"},
		{"test-invalid", true, "fails for good at once: one attempt and the dead letter"},
		{"test-crash", true, "kills its process on the first delivery: the killed attempt, drawn from the takeover"},
		{"test-crash-loop", true, "kills its process every time: the dead letter; no other message goes with it"},
		{"test-out-of-stock", true, "never has stock: a rejection, which is no error"},
	}), nil
}

// Items returns the JSON form of a list: an object with the key items. A nil list is an empty one.
func Items[T any](list []T) map[string]any {
	if list == nil {
		list = []T{}
	}
	return map[string]any{"items": list}
}

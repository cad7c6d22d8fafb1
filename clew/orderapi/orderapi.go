// Package orderapi is a client of the order API.
package orderapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Await asks often at first, when most orders finish, and then less and less.
const askFirst, askMost = 5 * time.Millisecond, 100 * time.Millisecond

// untraced is a W3C trace context that is not sampled: reading an order makes no trace, or those would bury the orders' own.
const untraced = "00-00000000000000000000000000000001-0000000000000001-00"

// A Request is what an order is placed with.
type Request struct {
	CustomerID string `json:"customer_id"`
	Items      []Item `json:"items"`
	Baggage    string `json:"-"` // W3C baggage, a header of the request
	Unsampled  bool   `json:"-"` // the caller traces, and has not chosen this request: no span of it is kept
}

// Item is one line of an order.
type Item struct {
	SKU            string `json:"sku"`
	Quantity       int64  `json:"quantity"`
	UnitPriceCents int64  `json:"unit_price_cents"`
}

// An Order is one that was accepted.
type Order struct {
	ID      string `json:"id"`
	Status  string `json:"status"` // pending, confirmed, rejected or cancelled
	Reason  string `json:"reason"` // of a rejection
	TraceID string `json:"trace_id"`

	Unsampled bool `json:"unsampled,omitempty"` // of Place: the services said that they keep no spans of it
}

// ErrNotFound means that there is no such order.
var ErrNotFound = errors.New("the order API does not know it")

// A Client asks one order service. It is safe for concurrent use.
type Client struct{ base string }

// New returns a client of the API at a base URL such as http://127.0.0.1:8080.
func New(base string) *Client { return &Client{base} }

// Place places an order and returns it as it was accepted, pending.
func (c *Client) Place(ctx context.Context, request Request) (Order, error) {
	header := http.Header{}
	if request.Baggage != "" {
		header.Set("Baggage", request.Baggage)
	}
	if request.Unsampled {
		header.Set("Traceparent", fmt.Sprintf("00-%016x%016x-%016x-00", rand.Uint64(), rand.Uint64(), 1+rand.Uint64N(math.MaxUint64)))
	}
	order, err := c.ask(ctx, http.MethodPost, "/orders", header, request)
	if err != nil {
		return order, fmt.Errorf("place an order: %w", err)
	}
	return order, nil
}

// Get returns an order as it is now, or an error that wraps ErrNotFound.
func (c *Client) Get(ctx context.Context, id string) (Order, error) {
	order, err := c.ask(ctx, http.MethodGet, "/orders/"+url.PathEscape(id), http.Header{"Traceparent": {untraced}}, nil)
	if err != nil {
		return order, fmt.Errorf("read order %.64q: %w", id, err)
	}
	return order, nil
}

// Await blocks until an order is no longer pending, or until ctx ends.
func (c *Client) Await(ctx context.Context, id string) (Order, error) {
	for pause := askFirst; ; pause = min(pause+pause/10, askMost) {
		order, err := c.Get(ctx, id)
		if err != nil || order.Status != "pending" {
			return order, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return order, fmt.Errorf("order %s is still pending: %w", id, ctx.Err())
		}
	}
}

func (c *Client) ask(ctx context.Context, method, path string, header http.Header, body any) (Order, error) {
	var order Order
	payload, err := json.Marshal(body)
	if err != nil {
		return order, err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(payload))
	if err != nil {
		return order, err
	}
	request.Header = header
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return order, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return order, err
	}
	if response.StatusCode == http.StatusNotFound {
		return order, fmt.Errorf("%w: %w", ErrNotFound, problem(response.Status, answer))
	}
	if response.StatusCode >= http.StatusBadRequest {
		return order, problem(response.Status, answer)
	}
	err = json.Unmarshal(answer, &order)
	order.Unsampled = unsampled(response.Header.Get("Traceresponse"))
	return order, err
}

// unsampled reports whether a response's trace context has the flags of a trace that is not sampled.
func unsampled(traceresponse string) bool {
	parts := strings.Split(traceresponse, "-")
	if len(parts) != 4 {
		return false
	}
	flags, err := strconv.ParseUint(parts[3], 16, 8)
	return err == nil && flags&1 == 0
}

// problem is what the API said was wrong, field by field.
func problem(status string, body []byte) error {
	var p struct {
		Detail string `json:"detail"`
		Errors []struct {
			Location string `json:"location"`
			Message  string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the order API answered %s", status)
	}
	text := p.Detail
	for _, field := range p.Errors {
		text += fmt.Sprintf("; %s: %s", field.Location, field.Message)
	}
	return fmt.Errorf("the order API answered %s: %s", status, text)
}

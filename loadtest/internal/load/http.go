package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// requestTimeout is how long an answer may take. A customer would have gone long ago.
const requestTimeout = 10 * time.Second

// Arrival is something to send.
type Arrival struct {
	Number int           // from 0
	Due    time.Duration // from the start
	SKU    string
}

// Answer is what came of an arrival.
type Answer struct {
	Sent, Done  time.Time
	ID, TraceID string // of the order that was accepted
	Problem     string // empty if it was accepted, else the status or the kind of error, such as 503 or timeout
}

// HTTP places an order for each arrival. It is safe for concurrent use.
type HTTP struct {
	url      string
	client   *http.Client
	answered func(Arrival, Answer)
	waiting  sync.WaitGroup
}

// NewHTTP returns a sender to the order API at a base URL, which calls answered with each answer, from many goroutines.
// Connections are kept, as many as are in use at a time.
func NewHTTP(base string, answered func(Arrival, Answer)) *HTTP {
	return &HTTP{
		url: base + "/orders", answered: answered,
		client: &http.Client{
			Timeout: requestTimeout,
			Transport: &http.Transport{
				MaxIdleConnsPerHost: 10_000,
				DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
				DisableCompression:  true,
			},
		},
	}
}

// Send sends an order and does not wait for its answer.
func (h *HTTP) Send(ctx context.Context, a Arrival) {
	h.waiting.Go(func() { h.answered(a, h.place(ctx, a)) })
}

// Wait blocks until every answer is there, and closes the connections.
func (h *HTTP) Wait() {
	h.waiting.Wait()
	h.client.CloseIdleConnections()
}

func (h *HTTP) place(ctx context.Context, a Arrival) Answer {
	body := `{"customer_id":"loadtest","items":[{"sku":` + strconv.Quote(a.SKU) + `,"quantity":1,"unit_price_cents":1999}]}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, strings.NewReader(body))
	if err != nil {
		return Answer{Problem: err.Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	answer := Answer{Sent: time.Now()}
	response, err := h.client.Do(request)
	if err != nil {
		answer.Done, answer.Problem = time.Now(), kindOf(err)
		return answer
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	answer.Done = time.Now()
	var order struct {
		ID      string `json:"id"`
		TraceID string `json:"trace_id"`
	}
	switch {
	case err != nil:
		answer.Problem = kindOf(err)
	case response.StatusCode != http.StatusCreated:
		answer.Problem = fmt.Sprint(response.StatusCode)
	case json.Unmarshal(text, &order) != nil || order.ID == "":
		answer.Problem = "no order in the answer"
	}
	answer.ID, answer.TraceID = order.ID, order.TraceID
	return answer
}

// kindOf names an error of a connection in a word or two: there are few kinds, and many texts.
func kindOf(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection lost"
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EMFILE):
		return "out of ports or files"
	default:
		return "no connection"
	}
}

package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// requestTimeout is the timeout of a request. A customer would have left long before.
const requestTimeout = 10 * time.Second

// Arrival is something to send.
type Arrival struct {
	Number int           // in the schedule, from 0
	Due    time.Duration // from the start
	SKU    string
}

// Answer is the result of an arrival.
type Answer struct {
	Sent, Done  time.Time
	ID, TraceID string // of the order that was accepted
	Problem     string // empty if it was accepted, else the status or the kind of error, such as 503 or timeout
	Status      int    // of HTTP, 0 without an answer
}

// HTTP places an order for each arrival. It is safe for concurrent use.
type HTTP struct {
	url        string
	user       *url.Userinfo        // may be nil
	attributes []attribute.KeyValue // of every span
	client     *http.Client
	tracer     trace.Tracer
	answered   func(Arrival, Answer)
	next       chan due // for the goroutines that have nothing to do
	sending    sync.WaitGroup
}

type due struct {
	ctx context.Context
	Arrival
}

// NewClient returns a client that asks the address it is given and no other: it follows no redirect, which could lead to a host
// that must not be put under load, and it uses no proxy.
func NewClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 10_000,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			DisableCompression:  true,
		},
	}
}

// Authorize sends the user and password of an address, if it has them, the way that browsers do.
func Authorize(request *http.Request, user *url.Userinfo) {
	if user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
}

// NewHTTP returns a sender to the order API at a base URL, as a user or, if that is nil, as nobody. It calls answered with each
// answer, from many goroutines. Connections are kept, as many as are in use at a time. The tracer decides which requests begin a
// trace.
func NewHTTP(base string, user *url.Userinfo, tracer trace.Tracer, answered func(Arrival, Answer)) *HTTP {
	address := base + "/orders"
	return &HTTP{
		url: address, user: user, attributes: attributesOf(address), tracer: tracer, answered: answered, next: make(chan due),
		client: NewClient(requestTimeout),
	}
}

// Send sends an order and does not wait for its answer. Goroutines are used again, because a new one spends a tenth of the
// time of a request on growing its stack.
func (h *HTTP) Send(ctx context.Context, a Arrival) {
	d := due{ctx, a}
	select {
	case h.next <- d:
	default:
		h.sending.Go(func() {
			for more := true; more; d, more = <-h.next {
				h.answered(d.Arrival, h.place(d.ctx, d.Arrival))
			}
		})
	}
}

// Wait blocks until every answer is there, and closes the connections. Nothing may be sent afterwards.
func (h *HTTP) Wait() {
	close(h.next)
	h.sending.Wait()
	h.client.CloseIdleConnections()
}

func (h *HTTP) place(ctx context.Context, a Arrival) Answer {
	body := `{"customer_id":"loadtest","items":[{"sku":` + strconv.Quote(a.SKU) + `,"quantity":1,"unit_price_cents":1999}]}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, strings.NewReader(body))
	if err != nil {
		return Answer{Problem: err.Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	Authorize(request, h.user)
	span := h.start(ctx, request)
	answer := h.ask(request)
	end(span, answer)
	return answer
}

func (h *HTTP) ask(request *http.Request) Answer {
	answer := Answer{Sent: time.Now()}
	response, err := h.client.Do(request)
	if err != nil {
		answer.Done, answer.Problem = time.Now(), kindOf(err)
		return answer
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	answer.Done, answer.Status = time.Now(), response.StatusCode
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

// kindOf returns a short name for the kind of a connection's error: there are few kinds, but many texts.
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

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/sync/errgroup"

	"example.com/clew/clew/processtest"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

var seed = flag.Uint64("seed", 1, "of the generated requests")

const (
	generated = 20_000 // requests
	inFlight  = 8
)

// How right a generated request is.
type rightness int

const (
	valid  rightness = iota
	nearly           // wrong in one place, mostly
	wild
)

// A document is what generating and checking need of an OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		Parameters []struct {
			Name, In string
			Schema   *schema
		}
		RequestBody *struct {
			Content map[string]struct{ Schema *schema }
		}
		Responses map[string]any
	}
	Components struct{ Schemas map[string]*schema }
}

// An api is a service, and its document, as far as a client needs to know.
type api struct {
	base       string
	document   document
	operations [][2]string                   // methods and paths
	schemas    map[string]*schema            // by their references
	mux        *http.ServeMux                // tells which operation a request is for
	answers    map[string]*jsonschema.Schema // by operation and status, of successes
}

// A pool is what requests can be about: what was there, and what answers told of.
type pool struct {
	mu    sync.Mutex
	names map[string][]string // by the field or parameter that takes them
}

func (p *pool) known(g *generator, name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.names[name]) == 0 {
		return ""
	}
	return pick(g, p.names[name]...)
}

func (p *pool) add(name, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[name] = append(p.names[name], value)
}

// Whatever a client sends, an API answers, says what was wrong, and goes on. Nothing breaks behind it.
func TestGeneratedRequests(t *testing.T) {
	t.Logf("-seed %d", *seed)
	s := newStack(t)
	before := s.units()
	known := &pool{names: map[string][]string{"customer_id": {"ada", "bob"}}}
	for sku := range before {
		if !strings.HasPrefix(sku, "test-") { // those misbehave
			known.add("sku", sku)
		}
	}
	slices.Sort(known.names["sku"])
	apis := []*api{s.describe(s.order), s.describe(s.inventory)}

	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: inFlight},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	var sent atomic.Int64
	var tally sync.Map // answers by operation and status
	group, ctx := errgroup.WithContext(t.Context())
	for worker := range inFlight {
		group.Go(func() error {
			g := &generator{Rand: rand.New(rand.NewPCG(*seed, uint64(worker))), pool: known}
			for sent.Add(1) <= generated {
				a := pick(g, apis[0], apis[0], apis[1])
				g.schemas = a.schemas
				told, err := a.exchange(ctx, g, client)
				if err != nil {
					return err
				}
				n, _ := tally.LoadOrStore(told, new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, a := range apis {
		for _, operation := range a.operations {
			for _, status := range []string{"2xx", "4xx"} {
				told := operation[0] + " " + operation[1] + " " + status
				n, ok := tally.Load(told)
				if !ok {
					t.Errorf("%s was never the answer", told)
					continue
				}
				t.Logf("%5d × %s", n.(*atomic.Int64).Load(), told)
			}
		}
	}

	processtest.Eventually(t, "no order is pending", func() error {
		var pending struct{ Items []any }
		s.ask("GET", s.order+"/orders?status=pending&limit=1", "", http.StatusOK, &pending)
		return processtest.Unless(len(pending.Items) == 0, "%v is", pending.Items)
	})
	if o := s.place("load-200"); o.Status != "confirmed" {
		t.Errorf("a normal order is %s: %s", o.Status, o.Reason)
	}
	admin := messaging.New(messagingtest.Client(t, s.redisURL), messaging.Config{Partitions: 1}).Admin()
	for _, stream := range []string{"orders", "stock"} {
		if dead, err := admin.DeadLetters(t.Context(), stream); err != nil || len(dead) > 0 {
			t.Errorf("%d dead letters on %s: %v", len(dead), stream, err)
		}
	}
	after := s.units()
	for sku, units := range before {
		if after[sku] != units {
			t.Errorf("%s: %d units before, %d after", sku, units, after[sku])
		}
	}
}

// units is what there is of every SKU, available or reserved.
func (s *stack) units() map[string]int64 {
	s.t.Helper()
	units := map[string]int64{}
	for next := ""; ; {
		var page struct {
			Items []struct {
				SKU                 string
				Available, Reserved int64
			}
			Next string
		}
		s.ask("GET", s.inventory+"/stock?limit=200&after="+next, "", http.StatusOK, &page)
		for _, item := range page.Items {
			units[item.SKU] = item.Available + item.Reserved
		}
		if next = page.Next; next == "" {
			return units
		}
	}
}

// describe reads the document of the API at a base URL.
func (s *stack) describe(base string) *api {
	s.t.Helper()
	var raw json.RawMessage
	s.ask("GET", base+"/openapi.json", "", http.StatusOK, &raw)
	a := &api{base: base, schemas: map[string]*schema{}, mux: http.NewServeMux(), answers: map[string]*jsonschema.Schema{}}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err = errors.Join(err, json.Unmarshal(raw, &a.document)); err != nil {
		s.t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(base+"/openapi.json", parsed); err != nil {
		s.t.Fatal(err)
	}
	for name, schema := range a.document.Components.Schemas {
		a.schemas["#/components/schemas/"+name] = schema
	}
	for path, methods := range a.document.Paths {
		for method, operation := range methods {
			pattern := strings.ToUpper(method) + " " + path
			a.mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
			a.operations = append(a.operations, [2]string{strings.ToUpper(method), path})
			for status := range operation.Responses {
				if !strings.HasPrefix(status, "2") {
					continue
				}
				pointer := fmt.Sprintf("/paths/%s/%s/responses/%s/content/application~1json/schema",
					url.PathEscape(strings.ReplaceAll(path, "/", "~1")), method, status)
				if a.answers[pattern+" "+status], err = compiler.Compile(base + "/openapi.json#" + pointer); err != nil {
					s.t.Fatal(err)
				}
			}
		}
	}
	slices.SortFunc(a.operations, func(x, y [2]string) int { return strings.Compare(x[1]+x[0], y[1]+y[0]) })
	return a
}

// exchange sends one generated request, checks the answer, and tells what it was.
func (a *api) exchange(ctx context.Context, g *generator, client *http.Client) (string, error) {
	operation := pick(g, a.operations...)
	right := pick(g, valid, valid, nearly, nearly, nearly, wild)
	request, body, err := a.generate(ctx, g, operation, right)
	if err != nil {
		return "", err
	}
	answer, err := client.Do(request)
	failed := func(err error) error {
		return fmt.Errorf("%s %s %.1000q, header %q: %w", request.Method, request.URL, body, request.Header, err)
	}
	if err != nil {
		return "", failed(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", failed(err)
	}
	if err := a.check(answer, text); err != nil {
		return "", failed(fmt.Errorf("answered %s %.1000s: %w", answer.Status, text, err))
	}
	if _, location, ok := strings.Cut(answer.Header.Get("Location"), "/orders/"); ok && answer.StatusCode == http.StatusCreated {
		g.pool.add("id", location)
		g.pool.add("order_id", location)
	}
	// 307: a path that ends in a name of dots alone is cleaned. And two orders may have been given one key.
	taken := bytes.Contains(text, []byte("was used for another order"))
	if right == valid && !taken && !slices.Contains([]int{200, 201, 307, 404, 409}, answer.StatusCode) {
		return "", failed(fmt.Errorf("it is valid and was answered %s %s", answer.Status, text))
	}
	return fmt.Sprintf("%s %s %dxx", operation[0], operation[1], answer.StatusCode/100), nil
}

// generate makes a request for an operation.
func (a *api) generate(ctx context.Context, g *generator, operation [2]string, right rightness) (*http.Request, []byte, error) {
	method, path := operation[0], operation[1]
	described := a.document.Paths[path][strings.ToLower(method)]
	value := func(name string, s *schema) string {
		if right == wild || right == nearly && g.chance(20) {
			return g.text()
		}
		return fmt.Sprint(g.valid(name, s))
	}
	header := http.Header{
		"Authorization": {"Bearer " + token},
		"Traceparent":   {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}, // not sampled: the traces are not looked at
	}
	query := url.Values{}
	for _, parameter := range described.Parameters {
		switch name := parameter.Name; {
		case parameter.In == "path" && operation == [2]string{http.MethodPut, "/stock/{sku}"}:
			// What is set is not ordered, so that what is ordered stays constant.
			sku := "fuzz-" + value("", parameter.Schema)
			if right == valid {
				sku = sku[:min(len(sku), 64)]
			}
			path = strings.Replace(path, "{"+name+"}", url.PathEscape(sku), 1)
		case parameter.In == "path":
			path = strings.Replace(path, "{"+name+"}", url.PathEscape(value(name, parameter.Schema)), 1)
		case right == valid && name == "after" || g.chance(50): // no schema can say which cursors there are
		case parameter.In == "query":
			query.Add(name, value(name, parameter.Schema))
		case parameter.In == "header":
			header.Add(name, legal(value(name, parameter.Schema)))
		}
	}
	var body []byte
	if described.RequestBody != nil {
		header.Set("Content-Type", "application/json")
		body = g.body(described.RequestBody.Content["application/json"].Schema, right)
	}
	rawQuery := query.Encode()
	host := ""
	if right != valid && g.chance(15) { // something beside the operation
		switch g.IntN(9) {
		case 0:
			method = pick(g, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
		case 1:
			path = pick(g, "/", "//orders", "/orders/", "/docs", "/openapi.json", "/orders/../stock", "/"+url.PathEscape(g.text()))
		case 2:
			rawQuery += pick(g, "&", "&unknown=1", "&%zz", "&limit=1&limit=2", "&a;b", "&limit", "&=")
		case 3:
			header.Set("Content-Type", pick(g, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=x",
				"multipart/form-data; boundary=x", ";", "a/b+json", legal(g.text())))
		case 4:
			header.Set("Accept", pick(g, "application/xml", "application/cbor", "*/*;q=0", ",", ";", ";,;", "json", legal(g.text())))
		case 5:
			header.Set(pick(g, "Origin", "Sec-Fetch-Site", "Traceparent", "Tracestate", "Baggage", "Content-Encoding", "Authorization", "Cookie",
				"X-HTTP-Method-Override", "If-Match", "Range"), legal(g.text()))
		case 6:
			header.Set("Baggage", pick(g, "customer.tier=premium", "clew.relation=link", "clew.propagation=off", "a=b;c=d,e", "customer.tier="))
		case 7:
			host = pick(g, "evil.example", "localhost", "localhost:x", "[::1]", "a.b.c:99999", "127.0.0.1")
		case 8:
			if g.chance(5) {
				body = bytes.Repeat([]byte(" "), pick(g, 1<<20, 1<<20+1, 2<<20))
			}
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if request.URL.Path, err = url.PathUnescape(path); err != nil {
		return nil, nil, err
	}
	request.URL.RawPath, request.URL.RawQuery, request.Header, request.Host = path, strings.TrimPrefix(rawQuery, "&"), header, host
	return request, body, nil
}

// legal is what of a text may stand in a header: net/http sends nothing else.
func legal(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}

// check holds an answer against what every answer must be, and a success against the document.
func (a *api) check(answer *http.Response, text []byte) error {
	switch {
	case answer.StatusCode >= 500:
		return fmt.Errorf("no request is to make a server fail")
	case answer.Request.Method == http.MethodHead:
		return nil
	case answer.StatusCode >= 400:
		var problem struct {
			Status        int
			Title, Detail string
			Errors        []struct{ Location, Message string }
		}
		if got := answer.Header.Get("Content-Type"); got != "application/problem+json" {
			return fmt.Errorf("the content type is %q", got)
		}
		if err := json.Unmarshal(text, &problem); err != nil {
			return err
		}
		if problem.Status != answer.StatusCode || problem.Title == "" || problem.Detail == "" {
			return fmt.Errorf("the problem does not say what it is")
		}
		for _, field := range problem.Errors {
			if field.Location == "" || field.Message == "" {
				return fmt.Errorf("a field is not named, or not told what is expected")
			}
		}
		return nil
	case answer.StatusCode >= 300:
		if answer.Header.Get("Location") == "" {
			return fmt.Errorf("there is no location")
		}
		return nil
	}
	_, pattern := a.mux.Handler(answer.Request)
	if pattern == "" {
		return nil // of no operation, such as /docs
	}
	schema := a.answers[fmt.Sprint(pattern, " ", answer.StatusCode)]
	if schema == nil {
		return fmt.Errorf("the document has no such answer")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

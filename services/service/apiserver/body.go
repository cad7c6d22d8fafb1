package apiserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"example.com/clew/observability/telemetry/httpserver"
)

const maxBody = 1 << 20 // bytes of a body that an operation takes

// adapter stands between the mux and huma. It reads the body and checks the query first, because huma answers 500 to a body
// that breaks off, ends a request when the time for its body is over, and ignores malformed parts of a query.
type adapter struct{ huma.Adapter }

func (a adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	op.MaxBodyBytes, op.BodyReadTimeout = -1, -1 // no limits: the body is in memory by then
	a.Adapter.Handle(op, func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		r.Header.Del("Accept") // the answer is JSON in any case (RFC 9110 §12.4.1)
		problem := checkQuery(r.URL.RawQuery)
		if problem == nil && op.RequestBody != nil {
			problem = readBody(r)
		}
		if problem != nil {
			problem.Write(w)
			return
		}
		handle(ctx)
	})
}

func checkQuery(raw string) *httpserver.Problem {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return fieldProblem(http.StatusBadRequest, "query", "expected name=value&name=value, percent-encoded")
	}
	for name, values := range query {
		if len(values) > 1 {
			return fieldProblem(http.StatusUnprocessableEntity, "query."+name, "expected once")
		}
	}
	return nil
}

// readBody reads the body into memory, within http.Server.ReadTimeout.
func readBody(r *http.Request) *httpserver.Problem {
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return fieldProblem(http.StatusUnsupportedMediaType, "header.Content-Type", "expected application/json")
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return fieldProblem(http.StatusUnsupportedMediaType, "header.Content-Type", "expected the charset utf-8, which JSON has, or none")
	}
	r.Header.Set("Content-Type", "application/json") // huma's comparison is case-sensitive
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fieldProblem(http.StatusUnsupportedMediaType, "header.Content-Encoding", "expected none")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var netError net.Error
	switch {
	case len(body) > maxBody:
		return fieldProblem(http.StatusRequestEntityTooLarge, "body", fmt.Sprintf("expected at most %d bytes", maxBody))
	case errors.As(err, &netError) && netError.Timeout():
		return fieldProblem(http.StatusRequestTimeout, "body", "expected all of it within the time that the server waits")
	case err != nil:
		return fieldProblem(http.StatusBadRequest, "body", "it broke off or is not framed as HTTP/1.1 frames it")
	case len(body) == 0:
		return fieldProblem(http.StatusBadRequest, "body", "expected a JSON object")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

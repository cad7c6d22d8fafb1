package httpserver

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
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const (
	maxBody  = 1 << 20  // bytes of a body that an operation takes
	maxDrain = 16 << 20 // bytes that are read only so that a client which still sends sees the answer
)

// adapter stands between the mux and huma. It reads the body and looks at the query before huma does, which answers a
// body that breaks off with 500, lets a request run for no longer than its body may take, and overlooks what it does not
// understand of a query.
type adapter struct{ huma.Adapter }

func (a adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	op.MaxBodyBytes, op.BodyReadTimeout = -1, -1 // both none: the body is here by then
	a.Adapter.Handle(op, func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		r.Header.Del("Accept") // what is answered is JSON in any case (RFC 9110 §12.4.1)
		problem := checkQuery(r.URL.RawQuery)
		if problem == nil && op.RequestBody != nil {
			problem = readBody(r)
		}
		if problem != nil {
			write(w, problem)
			return
		}
		handle(ctx)
	})
}

func checkQuery(raw string) *Problem {
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
func readBody(r *http.Request) *Problem {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return fieldProblem(http.StatusUnsupportedMediaType, "header.Content-Type", "expected application/json")
	}
	r.Header.Set("Content-Type", "application/json") // huma tells capitals apart
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

// drain reads what is left of a body, up to a bound. A client that sends everything before it reads anything would
// otherwise meet a reset connection instead of the answer. One that waits for 100 Continue has sent nothing.
func drain(r *http.Request, body io.Reader) {
	if body != nil && r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, body, maxDrain) // what cannot be read is not there to be drained
	}
}

// keepRunning lifts the deadline of a request without a body, which has been read: net/http would cancel the context of
// a handler that is still at work when ReadTimeout has passed. (For a body huma does it.)
func keepRunning(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a recorder has none
	}
}

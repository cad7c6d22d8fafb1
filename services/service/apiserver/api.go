package apiserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/validation"

	"example.com/clew/observability/telemetry/httpserver"
)

// maxFields is the most wrong fields that a Problem names: a body can have some hundred thousand.
const maxFields = 100

// huma keeps these as globals. They are set here, before any API exists, because a test may run several
// services at once.
func init() {
	huma.DefaultArrayNullable = false // a list given as null is refused
	huma.ValidateStrictCasing = true  // `Quantity` is not `quantity`
	huma.NewError = newProblem        // also behind huma.NewErrorWithContext
	// Bounds are floats to huma, and would read 1e+06.
	validation.MsgExpectedMinimumNumber = "expected number >= %.15g"
	validation.MsgExpectedMaximumNumber = "expected number <= %.15g"
}

// New returns an API whose operations are served by mux. OpenAPI 3.1 is at /openapi.json, with this title, version and
// description and the tags of its operations, and a page that shows it at /docs. An operation without Security needs none.
//
// Errors are Problems. Any other error of an operation is answered 500, or 503 with Retry-After if messaging.Unavailable or
// messaging.Contended marked it. The answer does not show the error, which goes to logger.
//
// Requests are read strictly. A body is JSON of at most 1 MiB: a larger one is answered 413, another content type or
// none 415, one that does not arrive in time 408, and malformed JSON 400. An object with the same name twice is malformed.
// Null, and numbers that are not whole or not within 64 bits, fit no field. Unknown fields and parameters, and a parameter
// given twice, are answered 422. An input type that embeds another must embed an exported one: huma ignores others.
func New(mux *http.ServeMux, logger *slog.Logger, title, version, description string, tags ...*huma.Tag) huma.API {
	config := huma.DefaultConfig(title, version)
	config.Info.Description = description
	config.Info.Contact = &huma.Contact{Name: "Clew"}
	config.Info.License = &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"}
	config.Servers = []*huma.Server{{URL: "/", Description: "The server that answers with this document"}}
	config.Tags = tags
	config.CreateHooks = nil                        // no $schema in every answer
	config.OpenAPIPath, config.SchemasPath = "", "" // only the one variant below
	config.DocsPath = ""                            // huma's pages load from a CDN
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	config.Formats = map[string]huma.Format{"application/json": format, "json": format} // "json" is for types such as "x+json"
	config.Transformers = []huma.Transformer{logCause(logger)}
	config.OnAddOperation = []huma.AddOpFunc{addErrors}
	config.RejectUnknownQueryParameters = true
	api := huma.NewAPI(config, adapter{humago.NewAdapter(mux, "")})
	registerDocs(mux, api)
	return api
}

// addErrors documents the errors that every operation, or every one with a body, may answer with, and that it needs no token
// unless it says otherwise.
func addErrors(_ *huma.OpenAPI, op *huma.Operation) {
	if op.Security == nil {
		op.Security = []map[string][]string{} // said, not left out
	}
	statuses := []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	if op.RequestBody != nil {
		statuses = append(statuses, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	for _, status := range statuses {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content: map[string]*huma.MediaType{
				"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}},
			},
		}
	}
}

// newProblem is huma.NewError: it names the wrong fields. It does not repeat their values, and from 500 on it does not show
// the error.
func newProblem(status int, detail string, errs ...error) huma.StatusError {
	if status >= http.StatusInternalServerError {
		return failure(errors.Join(errs...))
	}
	p := httpserver.Problemf(status, "%s", detail)
	for _, err := range errs[:min(len(errs), maxFields)] {
		var field httpserver.ProblemField
		var detailer huma.ErrorDetailer
		if errors.As(err, &detailer) {
			d := detailer.ErrorDetail()
			field = httpserver.ProblemField{Location: d.Location, Message: d.Message}
		} else {
			field.Message = err.Error() // a detailer's would print the value, which may be the whole body
		}
		if at, what, ok := strings.Cut(field.Message, locationEnd); ok && strings.HasPrefix(at, "body") { // from unmarshal
			field = httpserver.ProblemField{Location: at, Message: what}
		} else if what, ok := strings.CutPrefix(field.Message, "invalid "); ok { // "invalid integer", of a parameter
			field.Message = "expected " + what
		}
		field.Location = fmt.Sprintf("%.200s", field.Location) // the name of an unknown field is the caller's
		p.Errors = append(p.Errors, field)
	}
	return p
}

// logCause logs the cause of a 500 or 503. Only a transformer gets it from huma together with the request's context, and so
// with its trace.
func logCause(logger *slog.Logger) huma.Transformer {
	return func(ctx huma.Context, _ string, body any) (any, error) {
		if p, ok := body.(*httpserver.Problem); ok && p.Cause != nil {
			logFailure(ctx.Context(), ctx.SetHeader, logger.With("operation", ctx.Operation().OperationID), p)
		}
		return body, nil
	}
}

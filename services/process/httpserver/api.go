package httpserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// huma keeps these three as globals. They are set here, before any API exists, because a test may run several
// services at once.
func init() {
	huma.DefaultArrayNullable = false // a list given as null is refused
	huma.ValidateStrictCasing = true  // `Quantity` is not `quantity`
	huma.NewError = newProblem        // also behind huma.NewErrorWithContext
}

// NewAPI returns an API whose operations are served by mux, with OpenAPI 3.1 at /openapi.json and a page that shows it
// at /docs. Title, version and description stand there.
//
// Errors are Problems. An operation that returns any other error is answered 500 without the error's text, which
// goes to logger. A body may have 1 MiB and take 5 s to arrive (huma's defaults); a larger one is answered 413. Unknown
// fields are refused with 422.
func NewAPI(mux *http.ServeMux, logger *slog.Logger, title, version, description string) huma.API {
	config := huma.DefaultConfig(title, version)
	config.Info.Description = description
	config.CreateHooks = nil                        // no $schema in every answer
	config.OpenAPIPath, config.SchemasPath = "", "" // only the one variant below
	config.DocsPath = ""                            // huma's pages load from a CDN
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	config.Formats = map[string]huma.Format{"application/json": format, "json": format} // huma asks for "+json" so
	config.Transformers = []huma.Transformer{logCause(logger)}
	api := humago.New(mux, config)
	registerDocs(mux, api)
	return api
}

// unmarshal names the field by its JSON name, where encoding/json names the Go struct. What huma's schema checks has
// passed by then: this is a number too large for its type, or one such as 1e3.
func unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("%s: expected %s", mismatch.Field, mismatch.Type)
	}
	return err
}

// newProblem is huma.NewError: it shows what is wrong with which field. It neither echoes values nor shows, from 500
// on, what went wrong inside.
func newProblem(status int, detail string, errs ...error) huma.StatusError {
	p := &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
	if status >= http.StatusInternalServerError {
		p.cause = errors.Join(errs...)
		return p
	}
	for _, err := range errs {
		field := ProblemField{Message: err.Error()}
		var detailer huma.ErrorDetailer
		if errors.As(err, &detailer) {
			d := detailer.ErrorDetail()
			field = ProblemField{Location: d.Location, Message: d.Message}
		}
		p.Errors = append(p.Errors, field)
	}
	return p
}

// Error implements error, as huma asks of an answer that is one.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// logCause logs the error behind a 500: a transformer is the one place where huma hands it out with the request's
// context, and so with its trace.
func logCause(logger *slog.Logger) huma.Transformer {
	return func(ctx huma.Context, _ string, body any) (any, error) {
		if p, ok := body.(*Problem); ok && p.cause != nil {
			logger.ErrorContext(ctx.Context(), "a request failed", "operation", ctx.Operation().OperationID,
				"status", p.Status, "error", p.cause)
		}
		return body, nil
	}
}

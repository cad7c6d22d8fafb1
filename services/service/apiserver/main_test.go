package apiserver_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/goleak"

	"example.com/clew/services/messaging"
	"example.com/clew/services/service/apiserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// thing is the resource of a small API that has one of each that a test needs.
type thing struct {
	Name  string `json:"name" pattern:"^[a-z]{1,8}$"`
	Count int64  `json:"count" minimum:"1" maximum:"1000000"`
	Tag   string `json:"tag,omitempty"`
}

// newMux serves the small API.
func newMux(logger *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	api := apiserver.New(mux, logger, "Things", "1.2.3", "Things to test with.")
	huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/things/{id}", OperationID: "put-thing"},
		func(_ context.Context, in *struct {
			ID   string `path:"id"`
			Body thing
		}) (*struct{ Body thing }, error) {
			return &struct{ Body thing }{in.Body}, nil
		})
	huma.Register(api, huma.Operation{Method: http.MethodGet, Path: "/fail/{how}", OperationID: "fail"},
		func(_ context.Context, in *struct {
			How string `path:"how"`
		}) (*struct{}, error) {
			switch in.How {
			case "plain":
				return nil, io.ErrUnexpectedEOF
			case "unavailable":
				return nil, fmt.Errorf("read: %w", messaging.Unavailable(io.ErrUnexpectedEOF))
			case "contended":
				return nil, fmt.Errorf("read: %w", messaging.Contended(io.ErrUnexpectedEOF))
			case "conflict":
				return nil, huma.Error409Conflict("already cancelled")
			}
			panic("the secret " + in.How)
		})
	return mux
}

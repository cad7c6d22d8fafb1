package outbox_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"testing/fstest"

	"go.opentelemetry.io/otel/trace/noop"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/outbox"
)

type lamps struct{}

func (lamps) Name() string { return "lamps" }

type lit struct {
	Lamp string `json:"lamp"`
}

func (lit) Stream() lamps     { return lamps{} }
func (lit) Type() string      { return "lamp.lit.v1" }
func (l lit) Subject() string { return l.Lamp }
func (lit) Validate() error   { return nil }

func ExampleCreate() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "house")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	own := fstest.MapFS{"0001_none.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n")}}
	db, err := database.Open(ctx, "sqlite://"+folder+"/house.db", own, noop.NewTracerProvider(), nil)
	if err != nil {
		log.Print(err)
		return
	}
	defer func() { _ = db.Close() }()
	out := outbox.New(db, db.System(), messaging.New(nil, messaging.Config{Source: "/house"}))
	err = out.Transaction(ctx, func(ctx context.Context, tx *outbox.Tx[*gorm.DB]) error {
		tx.OnCommit(func() { fmt.Println("committed, and on its way") })
		return outbox.Create(ctx, tx, lit{"desk"}) // beside rows of the service's own, with tx.DB
	})
	fmt.Println(err)
	_ = outbox.NewRelay(out.Table, messaging.TypeOf(lit{})) // whose Run publishes it
	// Output:
	// committed, and on its way
	// <nil>
}

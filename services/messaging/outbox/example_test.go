package outbox_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"testing/fstest"
	"time"

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

// The create span of the message covers the change that the event tells of.
func ExampleCreateAround() {
	ctx := context.Background()
	var out *outbox.Outbox[*gorm.DB] // of New
	err := out.Transaction(ctx, func(ctx context.Context, tx *outbox.Tx[*gorm.DB]) error {
		return outbox.CreateAround(ctx, tx, func(ctx context.Context) (messaging.Event[lamps], error) {
			return lit{"desk"}, tx.DB.WithContext(ctx).Exec("UPDATE lamps SET lit = 1 WHERE name = 'desk'").Error
		})
	})
	if err != nil {
		log.Print("neither is the lamp lit nor is the message sent: ", err)
	}
}

func ExampleRelay() {
	ctx := context.Background()
	var out *outbox.Outbox[*gorm.DB]                                                     // of New
	if err := outbox.NewRelay(out.Table, messaging.TypeOf(lit{})).Run(ctx); err != nil { // publishes until ctx ends
		log.Fatal(err)
	}
}

// Redis lost its disk: everything of the last quarter of an hour is published again, batch by batch.
func ExampleReplay() {
	ctx := context.Background()
	var out *outbox.Outbox[*gorm.DB] // of New
	r, err := outbox.NewReplay(15*time.Minute, 0, false)
	if err != nil {
		log.Fatal(err)
	}
	for rest := &r; rest != nil; {
		var n int
		if n, rest, err = out.Replay(ctx, *rest); err != nil {
			log.Fatal(err)
		}
		fmt.Println(n, "more are published again")
	}
}

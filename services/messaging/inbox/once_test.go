package inbox_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"go.opentelemetry.io/otel/trace/noop"
	"gorm.io/gorm"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/database"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/outbox"
)

func ExampleOnce() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "house")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	db, err := database.Open(ctx, "sqlite://"+folder+"/house.db", own, noop.NewTracerProvider(), nil)
	if err != nil {
		log.Print(err)
		return
	}
	defer func() { _ = db.Close() }()
	out := outbox.New(db, db.System(), messaging.New(nil, messaging.Config{Source: "/house"}))
	handler := messaging.On(inbox.Once(inbox.New(out, "house"),
		func(ctx context.Context, tx *outbox.Tx[*gorm.DB], event switched) error {
			fmt.Println(event.Lamp, "is switched") // change rows here, with tx.DB
			return outbox.Create(ctx, tx, event)   // and answer
		}))
	m, err := messaging.NewMessage(ctx, switched{"desk"})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(handler.Handle(ctx, m))
	fmt.Println(handler.Handle(ctx, m)) // delivered a second time
	// Output:
	// desk is switched
	// <nil>
	// already processed
}

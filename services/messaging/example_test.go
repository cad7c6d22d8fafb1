package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"example.com/clew/services/messaging"
)

// Lit is an event about a lamp.
type Lit struct {
	Lamp string `json:"lamp"`
}

// Lamps is the stream on which it travels.
type Lamps struct{}

func (Lamps) Name() string { return "lamps" }

func (Lit) Stream() Lamps     { return Lamps{} }
func (Lit) Type() string      { return "lamp.lit.v1" }
func (l Lit) Subject() string { return l.Lamp }

func (l Lit) Validate() error {
	if l.Lamp == "" {
		return errors.New("lamp is empty")
	}
	return nil
}

func ExampleNew() {
	client, err := messaging.Connect(os.Getenv("REDIS_URL")) // it does not dial
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	streams := messaging.New(client, messaging.Config{Partitions: 4, Source: "/house"})
	_ = streams.Publisher(messaging.TypeOf(Lit{}))
	_ = streams.Sampler("lamps")
	_ = streams.Admin()
}

func ExamplePublish() {
	ctx := context.Background()
	var streams *messaging.Streams // of New
	if err := messaging.Publish(ctx, streams.Publisher(), Lit{"desk"}); messaging.IsPermanent(err) {
		log.Print("the event itself cannot be published: ", err)
	} else if err != nil {
		log.Print("it may be published or not: publish it again, receivers recognise a second copy: ", err)
	}
}

func ExampleNewConsumer() {
	ctx := context.Background()
	var streams *messaging.Streams // of New
	consumer := messaging.NewConsumer(streams, Lamps{}, messaging.ConsumerConfig{Group: "house", Workers: 4},
		messaging.On(func(context.Context, Lit, messaging.Message) error { return nil }))
	if err := consumer.Run(ctx); err != nil { // until ctx ends
		log.Fatal(err)
	}
}

func ExampleOn() {
	handler := messaging.On(func(_ context.Context, event Lit, m messaging.Message) error {
		fmt.Println(event.Lamp, "was lit:", m.Type)
		return nil
	})
	m, err := messaging.NewMessage(context.Background(), Lit{"desk"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(handler.Handle(context.Background(), m))
	m.Data = []byte(`{}`)
	fmt.Println(handler.Handle(context.Background(), m))
	// Output:
	// desk was lit: lamp.lit.v1
	// <nil>
	// read lamp.lit.v1: lamp is empty
}

func ExamplePartitionOf() {
	fmt.Println(messaging.StreamKey("lamps", messaging.PartitionOf("desk", 4)))
	// Output: lamps:{0}
}

func ExamplePermanent() {
	err := messaging.Permanent(errors.New("no such lamp"))
	fmt.Println(err, messaging.IsPermanent(err), messaging.Classify(err))
	// Output: no such lamp true permanent
}

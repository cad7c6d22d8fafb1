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
	client, err := messaging.Connect(messaging.Redis{URL: os.Getenv("REDIS_URL")}) // it does not dial
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

func ExampleOnType() {
	handler := messaging.OnType[Lamps]("lamp.lit.v1", func(_ context.Context, m messaging.Message) error {
		fmt.Printf("%s: %s\n", m.Type, m.Data)
		return nil
	})
	m, err := messaging.NewMessage(context.Background(), Lit{"desk"})
	if err != nil {
		log.Fatal(err)
	}
	_ = handler.Handle(context.Background(), m)
	// Output: lamp.lit.v1: {"lamp":"desk"}
}

// Redrive gives a message to the group that gave it up, with all its attempts again.
func ExampleAdmin() {
	ctx := context.Background()
	var streams *messaging.Streams // of New
	letters, err := streams.Admin().DeadLetters(ctx, "lamps")
	if err != nil {
		log.Fatal(err)
	}
	for _, letter := range letters {
		redriven, err := streams.Admin().Redrive(ctx, "lamps", letter, false)
		fmt.Println(letter.ID, redriven, err) // false: somebody else was faster
	}
}

func ExampleSampler() {
	ctx := context.Background()
	var streams *messaging.Streams                            // of New, with a Registerer
	if err := streams.Sampler("lamps").Run(ctx); err != nil { // samples lag until ctx ends
		log.Fatal(err)
	}
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

func ExampleUnavailable() {
	handle := func(ctx context.Context, _ Lit, _ messaging.Message) error {
		if err := ctx.Err(); err != nil { // in place of a ping of what every message needs
			return messaging.Unavailable(err) // the consumer pauses, and no delivery is spent
		}
		return nil
	}
	_ = messaging.On(handle)
	fmt.Println(messaging.Classify(messaging.Unavailable(errors.New("no route to host"))))
	// Output: unavailable
}

func ExampleContended() {
	err := messaging.Contended(errors.New("the lamp's row is locked")) // only this message waits, and no delivery is spent
	fmt.Println(err, messaging.Classify(err))
	// Output: the lamp's row is locked contended
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
)

// listenCmd is a consumer group that prints events: the smallest listener there is, and a lesson in adding one.
type listenCmd struct {
	Types []string `arg:"" name:"type" help:"Types of event, such as order.confirmed.v1 or stock.reserved.v1."`
	Group string   `help:"A group that stays: it starts with the oldest event and goes on where it stopped. Without it: new events only."`
}

// Run prints events until ctx ends. What it does is in the events' traces, as the service "listen".
func (c *listenCmd) Run(ctx context.Context) (err error) {
	running, err := state.Load(state.Dir())
	if err != nil {
		return err
	}
	byStream, err := c.handlers(os.Stdout)
	if err != nil {
		return err
	}
	tel, err := setupTelemetry(ctx, "listen", running)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, tel.Shutdown(context.WithoutCancel(ctx))) }()

	name := "listen-" + messaging.ProcessID()
	consuming, ctx := errgroup.WithContext(ctx)
	for stream, handlers := range byStream {
		client, err := messaging.Connect(running.Redis)
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		streams := messaging.New(client, messaging.Config{
			Partitions: running.Partitions, TracerProvider: tel.TracerProvider, Logger: tel.Logger,
		})
		consumer := messaging.NewConsumer(streams, stream, messaging.ConsumerConfig{
			Group: cmp.Or(c.Group, name), Temporary: c.Group == "", Name: name,
		}, handlers...)
		consuming.Go(func() error { return consumer.Run(ctx) })
	}
	terminal.Printf(os.Stderr, "listening to %s; ctrl-C ends it\n", strings.Join(c.Types, ", "))
	return consuming.Wait()
}

// handlers print the events of each type, by the stream that they travel on.
func (c *listenCmd) handlers(w io.Writer) (map[messaging.Named][]messaging.Handler[messaging.Named], error) {
	var mu sync.Mutex
	show := func(_ context.Context, m messaging.Message) error {
		mu.Lock()
		defer mu.Unlock()
		return terminal.Printf(w, "%s %s %s\n  traceparent %s\n  data %s\n",
			m.Time.Local().Format(time.TimeOnly+".000"), m.Type, m.Subject, m.Headers.Get("traceparent"), m.Data)
	}
	byStream := map[messaging.Named][]messaging.Handler[messaging.Named]{}
	for _, eventType := range c.Types {
		i := slices.IndexFunc(published, func(p messaging.EventType) bool { return p.Type == eventType })
		if i < 0 {
			var types []string
			for _, p := range published {
				types = append(types, p.Type)
			}
			return nil, fmt.Errorf("nobody publishes events of type %q, expected some of %s", eventType, strings.Join(types, ", "))
		}
		stream := messaging.Named(published[i].Stream)
		byStream[stream] = append(byStream[stream], messaging.OnType[messaging.Named](eventType, show))
	}
	return byStream, nil
}

// published are the types of event that somebody publishes.
var published = []messaging.EventType{
	messaging.TypeOf(contracts.OrderCreated{}), messaging.TypeOf(contracts.OrderConfirmed{}),
	messaging.TypeOf(contracts.OrderRejected{}), messaging.TypeOf(contracts.OrderCancelled{}),
	messaging.TypeOf(contracts.StockReserved{}), messaging.TypeOf(contracts.StockRejected{}),
	messaging.TypeOf(contracts.StockReleased{}), {Stream: contracts.Orders{}.Name(), Type: contracts.TestPingV1},
}

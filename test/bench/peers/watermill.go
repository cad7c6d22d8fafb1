package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

const (
	watermillTopic = "bench"
	watermillGroup = "bench"
	batchSize      = 100 // messages of a call, as for the floor; Watermill adds one after the other
)

// watermillPeer is Watermill with some subscribers of one consumer group. A subscriber gives out a message when the one before is
// acknowledged, so that more than one handler runs only with more subscribers.
type watermillPeer struct {
	client      *redis.Client // to look; publishers and subscribers close theirs
	subscribers int
}

func (p watermillPeer) publish(ctx context.Context, data []byte, messages int) (err error) {
	publisher, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: redis.NewClient(p.client.Options())}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, publisher.Close()) }()
	for published := 0; published < messages; {
		batch := make([]*message.Message, min(batchSize, messages-published))
		for i := range batch {
			batch[i] = message.NewMessageWithContext(ctx, watermill.NewUUID(), data)
		}
		if err := publisher.Publish(watermillTopic, batch...); err != nil {
			return err
		}
		published += len(batch)
	}
	return nil
}

func (p watermillPeer) consume(ctx context.Context, handle func()) (stop func() error, err error) {
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	for i := range p.subscribers {
		subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
			Client: redis.NewClient(p.client.Options()), ConsumerGroup: watermillGroup,
		}, nil)
		if err != nil {
			return nil, err
		}
		router.AddConsumerHandler(fmt.Sprintf("handler-%d", i), watermillTopic, subscriber, func(*message.Message) error {
			handle()
			return nil
		})
	}
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	return func() error { return errors.Join(router.Close(), <-ended) }, nil
}

func (p watermillPeer) left(ctx context.Context) (int64, error) {
	groups, err := p.client.XInfoGroups(ctx, watermillTopic).Result()
	if err != nil {
		return 0, err
	}
	if len(groups) == 0 { // the first subscriber makes it
		return p.client.XLen(ctx, watermillTopic).Result()
	}
	return groups[0].Pending + groups[0].Lag, nil
}

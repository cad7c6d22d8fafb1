package main

import (
	"context"
	"errors"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	asynqType  = "bench"
	asynqQueue = "default"
)

// asynqPeer is asynq with its default queue. A task stands for a message.
type asynqPeer struct {
	asynq.RedisClientOpt
	inspector *asynq.Inspector
}

func newAsynq(client *redis.Client) asynqPeer {
	o := client.Options()
	return asynqPeer{
		asynq.RedisClientOpt{Network: o.Network, Addr: o.Addr, Username: o.Username, Password: o.Password, DB: o.DB},
		asynq.NewInspectorFromRedisClient(client),
	}
}

func (p asynqPeer) publish(ctx context.Context, data []byte, messages int) (err error) {
	client := asynq.NewClient(p)
	defer func() { err = errors.Join(err, client.Close()) }()
	for range messages {
		if _, err := client.EnqueueContext(ctx, asynq.NewTask(asynqType, data)); err != nil {
			return err
		}
	}
	return nil
}

func (p asynqPeer) consume(ctx context.Context, handle func()) (stop func() error, err error) {
	server := asynq.NewServer(p, asynq.Config{
		Concurrency: atOnce, LogLevel: asynq.ErrorLevel, BaseContext: func() context.Context { return ctx },
	})
	err = server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		handle()
		return nil
	}))
	return func() error { server.Shutdown(); return nil }, err
}

func (p asynqPeer) left(context.Context) (int64, error) {
	info, err := p.inspector.GetQueueInfo(asynqQueue)
	if err != nil {
		return 0, err
	}
	return int64(info.Size), nil
}

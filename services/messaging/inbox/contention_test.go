package inbox_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/inbox"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/services/messaging/outbox"
)

// consume runs a consumer whose effect is in the database, until the test ends, and returns how many messages it has
// begun and finished.
func (r *rig) consume(timeout time.Duration, effect func(ctx context.Context, tx *outbox.Tx[*gorm.DB], event switched) error) (begun, done *atomic.Int64) {
	begun, done = &atomic.Int64{}, &atomic.Int64{}
	once := inbox.Once(inbox.New(r.outbox, "g"), effect)
	streams := r.streamsOf(r.client, slog.New(slog.DiscardHandler))
	consumer := messaging.NewConsumer(streams, lamps{}, messaging.ConsumerConfig{
		Group: "g", HandlerTimeout: timeout, BackoffFirst: 20 * time.Millisecond, BackoffMost: 100 * time.Millisecond, Block: 50 * time.Millisecond,
	}, messaging.On(func(ctx context.Context, event switched, m messaging.Message) error {
		begun.Add(1)
		err := once(ctx, event, m)
		if err == nil {
			done.Add(1)
		}
		return err
	}))
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = consumer.Run(ctx) })
	r.t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return begun, done
}

// publish puts so many events about lamps of their own on the stream.
func (r *rig) publish(name string, n int) {
	r.t.Helper()
	publisher := r.streams.Publisher()
	for i := range n {
		if err := messaging.Publish(r.t.Context(), publisher, switched{fmt.Sprint(name, "-", i)}); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) await(what string, value *atomic.Int64, least int64) {
	r.t.Helper()
	messagingtest.Eventually(r.t, what, func() error {
		if n := value.Load(); n < least {
			return fmt.Errorf("%d of %d", n, least)
		}
		return nil
	})
}

// noneIsGivenUp: what the database was too slow for, or had locked, is not in the dead letters.
func (r *rig) noneIsGivenUp() {
	r.t.Helper()
	if n := r.client.XLen(r.t.Context(), "lamps:{0}:dlq").Val(); n != 0 {
		r.t.Errorf("%d messages are in the dead letters", n)
	}
}

// One message in ten needs a row that somebody keeps locked, and each waits for it as long as Postgres lets it. The others
// go on.
func TestALockedRowHoldsUpOnlyItsMessages(t *testing.T) {
	r := newRig(t, messagingtest.Postgres(t))
	if err := r.db.Write.Create(&lamp{"locked"}).Error; err != nil {
		t.Fatal(err)
	}
	lock := r.db.Write.WithContext(t.Context()).Begin()
	defer lock.Rollback()
	if err := lock.Clauses(clause.Locking{Strength: "UPDATE"}).First(&lamp{}, "name = ?", "locked").Error; err != nil {
		t.Fatal(err)
	}
	var others atomic.Int64
	begun, done := r.consume(10*time.Second, func(ctx context.Context, tx *outbox.Tx[*gorm.DB], event switched) error {
		if event.Lamp[:6] != "locked" {
			others.Add(1)
			return gorm.G[lamp](tx.DB).Create(ctx, &lamp{event.Lamp})
		}
		_, err := gorm.G[lamp](tx.DB, clause.Locking{Strength: "UPDATE"}).Where("name = ?", "locked").First(ctx)
		return err
	})
	r.publish("locked", 30) // more than there are workers
	r.await("all workers that may wait for the row, do", begun, 16)
	for i := range 10 {
		r.publish(fmt.Sprint("other-", i), 9)
		r.await("the others are done while the row is locked", done, int64(9*(i+1)))
	}
	r.await("the row was waited for again and again", begun, 90+60)
	lock.Rollback()
	r.await("all are done", done, 90+30)
	r.noneIsGivenUp()
}

// A database that answers each statement so late that no handler comes to its end spends no deliveries.
func TestASlowDatabaseGivesNothingUp(t *testing.T) {
	databaseURL, delay := slowly(t, messagingtest.Postgres(t))
	r := newRig(t, databaseURL)
	begun, done := r.consume(time.Second, func(ctx context.Context, tx *outbox.Tx[*gorm.DB], event switched) error {
		for range 4 {
			if err := tx.DB.WithContext(ctx).Exec("SELECT 1").Error; err != nil {
				return err
			}
		}
		return gorm.G[lamp](tx.DB).Create(ctx, &lamp{event.Lamp})
	})
	delay.Store(int64(300 * time.Millisecond))
	r.publish("lamp", 10)
	r.await("each was tried more often than a failing one would be", begun, 10*6)
	if n := done.Load(); n != 0 {
		t.Fatalf("%d messages are done: the database is too fast for this test", n)
	}
	r.noneIsGivenUp()
	delay.Store(0)
	r.await("all are done", done, 10)
	r.noneIsGivenUp()
}

// slowly returns the URL of the same database by a way on which each answer takes a while.
func slowly(t *testing.T, databaseURL string) (slow string, delay *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	socket := query.Get("host") + "/.s.PGSQL." + cmp.Or(query.Get("port"), "5432")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	delay = &atomic.Int64{}
	var open sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				t.Error(err)
				return
			}
			open.Go(func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			})
			open.Go(func() {
				for answer := make([]byte, 64<<10); ; {
					n, err := server.Read(answer)
					time.Sleep(time.Duration(delay.Load())) // the way
					if _, failed := client.Write(answer[:n]); err != nil || failed != nil {
						_ = client.Close()
						return
					}
				}
			})
		}
	})
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	query.Set("host", host)
	query.Set("port", port)
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	return u.String(), delay
}

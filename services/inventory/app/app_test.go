package app_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"example.com/clew/observability/telemetry/telemetrytest"
	"example.com/clew/services/contracts"
	"example.com/clew/services/inventory/app"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhereItListens(t *testing.T) {
	cfg, err := app.ReadConfig(map[string]string{"REDIS_URL": "redis://127.0.0.1", "DATABASE_URL": "sqlite:///inventory.db"})
	if err != nil || cfg.Addr != "127.0.0.1:8081" || cfg.AdminAddr != "127.0.0.1:9081" {
		t.Errorf("config %+v, error %v", cfg, err)
	}
}

// That the service does its work is shown end to end, in test/e2e.
func TestATestSKUMisbehavesOnlyInTestMode(t *testing.T) {
	for mode, want := range map[string][]string{
		"on":  {"orders:{0}:dlq order.created.v1"},
		"off": {"stock:{0} stock.rejected.v1"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			redisURL := messagingtest.Redis(t)
			start(t, redisURL, mode)
			client := messagingtest.Client(t, redisURL)
			order := contracts.OrderCreated{
				OrderID: "o", CustomerID: "ada", Currency: "EUR", Items: []contracts.Item{{SKU: contracts.TestInvalid, Quantity: 1}},
			}
			m, err := messaging.NewMessage(t.Context(), order)
			if err != nil {
				t.Fatal(err)
			}
			publisher := messaging.New(client, messaging.Config{Source: "/order"}).Publisher()
			if err := errors.Join(publisher.Publish(t.Context(), m)...); err != nil {
				t.Fatal(err)
			}
			messagingtest.Eventually(t, "the order is settled", func() error {
				var got []string
				for _, key := range []string{"orders:{0}:dlq", "stock:{0}"} {
					entries, err := client.XRange(t.Context(), key, "-", "+").Result()
					if err != nil {
						return err
					}
					for _, entry := range entries {
						got = append(got, fmt.Sprint(key, " ", entry.Values["type"]))
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					return errors.New(diff)
				}
				return nil
			})
		})
	}
}

// start runs the service until the end of the test.
func start(t *testing.T, redisURL, testMode string) {
	t.Helper()
	cfg, err := app.ReadConfig(map[string]string{
		"REDIS_URL": redisURL, "DATABASE_URL": "sqlite://" + filepath.Join(t.TempDir(), "inventory.db"),
		"INVENTORY_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "CLEW_TEST_MODE": testMode,
	})
	if err != nil {
		t.Fatal(err)
	}
	service, err := app.New(t.Context(), cfg, telemetrytest.NewRecorder().Telemetry(t, "inventory"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

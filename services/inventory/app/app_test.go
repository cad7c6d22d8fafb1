package app_test

import (
	"testing"

	"example.com/clew/services/inventory/app"
)

// That the service does its work is shown end to end, in standalone/e2e.
func TestWhereItListens(t *testing.T) {
	cfg, err := app.ReadConfig(map[string]string{"REDIS_URL": "redis://127.0.0.1", "DATABASE_URL": "sqlite:///inventory.db"})
	if err != nil || cfg.Addr != "127.0.0.1:8081" || cfg.AdminAddr != "127.0.0.1:9081" {
		t.Errorf("config %+v, error %v", cfg, err)
	}
}

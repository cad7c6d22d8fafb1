package telemetry

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogLevelHoldsForBothOutputs(t *testing.T) {
	collector := startCollector(t)
	t.Setenv("LOG_LEVEL", "WARN")
	var stdout bytes.Buffer
	tel := setup(t, Config{Service: "order", Instance: "order-1", LogWriter: &stdout})
	tel.Logger.Info("placed")
	tel.Logger.With("order", "o-1").WithGroup("stock").Warn("late", "sku", "tea")
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	if line := stdout.String(); strings.Contains(line, "placed") ||
		!strings.Contains(line, `"msg":"late","service":"order","instance":"order-1","order":"o-1","stock":{"sku":"tea"}`) {
		t.Errorf("stdout: %s", line)
	}
	if strings.Contains(stdout.String(), "trace_id") {
		t.Errorf("a trace id outside a span: %s", stdout.String())
	}
	_, records := collector.received()
	if len(records) != 1 || records[0].GetBody().GetStringValue() != "late" || len(records[0].GetAttributes()) != 2 {
		t.Errorf("log records over OTLP: %v", records)
	}
}

func TestSDKErrorsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		errs := &sdkErrors{logger: slog.New(slog.NewTextHandler(&log, nil))}
		for range 100 {
			errs.Handle(errors.New("connection refused"))
		}
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines, want 1:\n%s", n, log.String())
		}

		time.Sleep(time.Minute) // the bubble's clock, not the test's time
		log.Reset()
		errs.Handle(io.ErrUnexpectedEOF)
		if !strings.Contains(log.String(), `error="unexpected EOF" kept_back=99`) {
			t.Errorf("after a minute: %s", log.String())
		}
	})
}

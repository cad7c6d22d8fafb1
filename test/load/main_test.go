// Package load_test puts load on Clews of real processes, lets them fail meanwhile, and reads what the load test says of
// it: that must be what happened.
package load_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"example.com/clew/clew/processtest"
	"example.com/clew/test/internal/clewtest"
)

var binaries clewtest.Binaries

func TestMain(m *testing.M) { os.Exit(clewtest.BuildAndRun(&binaries, m.Run)) }

// patient thresholds: speed is not what is tested, and on a busy machine no order must be late, and some may be refused.
func patient(args ...string) []string {
	return append([]string{
		"--threshold=e2e_p99<60s", "--threshold=http_p99<60s", "--threshold=lag_seconds_max<60s",
		"--threshold=drain_seconds<120s", "--threshold=http_error_rate<50%",
	}, args...)
}

// report is what these tests read of a result.
type report struct {
	Verdict, Reason string
	Thresholds      []struct {
		Text      string
		Value     float64
		Holds     bool
		CrossedAt *float64 `json:"crossed_at"`
	}
	Totals  totals
	Seconds []struct {
		LagMessages int  `json:"lag_messages"`
		WarmUp      bool `json:"warm_up"`
		Draining    bool
	}
}

type totals struct {
	Scheduled, Sent, Accepted, Confirmed, Unfinished, Lost, Duplicated, Unexpected int

	WarmUp       int            `json:"warm_up"`
	DeadLettered map[string]int `json:"dead_lettered"`
	Drain        float64
}

// failed are the thresholds that do not hold.
func (r report) failed() (texts []string) {
	for _, threshold := range r.Thresholds {
		if !threshold.Holds {
			texts = append(texts, threshold.Text)
		}
	}
	return texts
}

// allConfirmed fails the test unless orders were accepted, at least half of those that were offered, and each was confirmed.
func (r report) allConfirmed(t *testing.T, offered int) {
	t.Helper()
	got := r.Totals
	if got.Accepted < offered/2 || got.Confirmed != got.Accepted || got.Lost+got.Duplicated+got.Unfinished+got.Unexpected != 0 {
		t.Errorf("%+v, want all of %d confirmed", got, offered)
	}
}

// underLoad is a load test that goes on.
type underLoad struct {
	t      *testing.T
	json   string // the path of its report
	metric string // the URL of its metrics
	*exec.Cmd

	mu     sync.Mutex
	output bytes.Buffer
}

// Write takes what it prints.
func (l *underLoad) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.output.Write(p)
}

func (l *underLoad) printed() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.ReplaceAll(l.output.String(), "\u00a0", " ") // which groups digits
}

// load starts a load test.
func load(t *testing.T, clew *clewtest.Clew, args ...string) *underLoad {
	t.Helper()
	l := &underLoad{t: t, json: filepath.Join(t.TempDir(), "run.json")}
	l.Cmd = clew.Loadtest(append([]string{"run", "--json=" + l.json}, args...)...)
	for _, variable := range l.Env {
		if addr, ok := strings.CutPrefix(variable, "LOADTEST_ADDR="); ok {
			l.metric = "http://" + addr + "/metrics"
		}
	}
	l.Stdout, l.Stderr = l, l
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Process.Kill() })
	return l
}

// accepted waits until so many orders were accepted.
func (l *underLoad) accepted(n int) {
	l.t.Helper()
	processtest.Eventually(l.t, fmt.Sprintf("%d orders are accepted", n), func() error {
		response, err := http.Get(l.metric)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		_, after, _ := strings.Cut(string(body), `loadtest_requests_total{result="ok"} `)
		soFar := 0
		_, _ = fmt.Sscan(after, &soFar)
		return processtest.Unless(soFar >= n, "%d are", soFar)
	})
}

func (l *underLoad) signal(signal syscall.Signal) {
	l.t.Helper()
	if err := l.Process.Signal(signal); err != nil {
		l.t.Fatal(err)
	}
}

// wants waits for its end, and fails the test unless it ended with the code and said all of the texts. It returns its report.
func (l *underLoad) wants(code int, texts ...string) report {
	l.t.Helper()
	if err, exit := l.Wait(), (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	var r report
	text, err := os.ReadFile(l.json)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		l.t.Fatalf("%v:\n%s", err, l.printed())
	}
	late, holds := strings.Contains(r.Reason, "the generator could not keep up"), len(r.failed()) == 0
	if late && holds == (code == 0) { // on a busy machine: then it must not judge, and the thresholds stand there all the same
		code = 3
	}
	if got := l.ProcessState.ExitCode(); got != code {
		l.t.Fatalf("exit code %d, want %d:\n%s", got, code, l.printed())
	}
	for _, text := range texts {
		if !strings.Contains(l.printed(), text) {
			l.t.Errorf("it does not say %q:\n%s", text, l.printed())
		}
	}
	return r
}

package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/tsdb"
)

func TestAScrapedSeriesHasJobAndInstance(t *testing.T) {
	s := newService(t)
	s.Set(42)
	r := start(t, t.TempDir(), noRules, s.as("order"))
	r.await("test_gauge", "42")
	want := map[string]string{fmt.Sprintf(`{"__name__":"test_gauge","instance":%q,"job":"order"}`, s.addr()): "42"}
	if diff := cmp.Diff(want, r.query("test_gauge")); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	want = map[string]string{fmt.Sprintf(`{"__name__":"up","instance":%q,"job":"order"}`, s.addr()): "1"}
	if diff := cmp.Diff(want, r.query("up")); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestTargetsComeAndGo(t *testing.T) {
	stays, dies, comes := newService(t), newService(t), newService(t)
	r := start(t, t.TempDir(), noRules, stays.as("order"), dies.as("inventory"))
	r.await(`sum(up)`, "2")
	dies.Close()
	r.await(`up{job="inventory"}`, "0")
	if gone := r.query(`test_gauge{job="inventory"}`); len(gone) > 0 {
		t.Errorf("%v is of a target that does not answer, want it to be stale", gone)
	}
	r.SetTargets(stays.as("order"), comes.as("inventory"))
	r.await(`up{job="inventory",instance="`+comes.addr()+`"}`, "1")
	eventually(t, "the target that was taken away is stale", func() bool { return len(r.query("up")) == 2 })
	r.SetTargets()
	eventually(t, "all targets are stale", func() bool { return len(r.query("up")) == 0 })
}

func TestSetTargetsDoesNotBlock(t *testing.T) {
	first, last := newService(t), newService(t)
	e, err := open(t.TempDir(), noRules)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.SetTargets(first.as("order")) // nobody takes them before Run
	}
	e.SetTargets(last.as("order"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	eventually(t, "the last targets are scraped", func() bool {
		active := e.scrapes.TargetsActive()[pool]
		return len(active) == 1 && active[0].URL().Host == last.addr()
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for range 3 {
		e.SetTargets() // nobody takes them after Run
	}
}

func TestATargetThatShowsTooMuchIsDown(t *testing.T) {
	s := newService(t)
	many := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		for i := range maxSeriesPerTarget + 1 {
			_, _ = fmt.Fprintf(w, "test_many{i=\"%d\"} 1\n", i)
		}
	})
	r := start(t, t.TempDir(), noRules, s.as("order"))
	r.await("up", "1")
	s.Config.Handler = many
	r.await("up", "0")
	if got := r.query("count(test_many)"); len(got) > 0 {
		t.Errorf("%v series were kept, want none", got)
	}
}

func TestExemplars(t *testing.T) {
	s := newService(t)
	trace := strings.Repeat("0af7651916cd43dd", 2)
	s.Histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(1.5, prometheus.Labels{"trace_id": trace})
	r := start(t, t.TempDir(), noRules, s.as("order"))
	type exemplar struct {
		Labels map[string]string
		Value  string
	}
	type series struct {
		SeriesLabels map[string]string
		Exemplars    []exemplar
	}
	now := time.Now()
	var found []series
	eventually(t, "the exemplar is found", func() bool {
		found = get[[]series](r, "query_exemplars", "query", "test_seconds_bucket",
			"start", now.Add(-time.Hour).Format(time.RFC3339), "end", now.Add(time.Hour).Format(time.RFC3339))
		return len(found) > 0
	})
	want := []series{{
		SeriesLabels: map[string]string{"__name__": "test_seconds_bucket", "instance": s.addr(), "job": "order", "le": "2.0"},
		Exemplars:    []exemplar{{map[string]string{"trace_id": trace}, "1.5"}},
	}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("exemplars (-want +got):\n%s", diff)
	}
}

// What was scraped is there after a stop, and after a kill: that is what a copy of the folder of a running engine is.
func TestWhatWasScrapedIsKept(t *testing.T) {
	s := newService(t)
	s.Set(42)
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	r := start(t, dir, noRules, s.as("order"))
	r.await("test_gauge", "42")
	then := strconv.FormatFloat(float64(timestamp.FromTime(time.Now()))/1000, 'f', 3, 64)
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	r.stop()
	for name, dir := range map[string]string{"stopped": dir, "killed": copied} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "lock"), []byte("1"), 0o600); err != nil { // as tsdb.Open may make one
				t.Fatal(err)
			}
			start(t, dir, noRules).await("test_gauge @ "+then, "42")
		})
	}
}

func TestAfterRunNothingIsAnswered(t *testing.T) {
	r := start(t, t.TempDir(), noRules)
	if code, body := r.do(http.MethodGet, "/api/v1/query?query=1", ""); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	r.stop()
	if code, body := r.do(http.MethodGet, "/api/v1/query?query=1", ""); code != http.StatusServiceUnavailable {
		t.Errorf("%d %s, want 503", code, body)
	}
}

// damage does something to the folder of an engine that has written a block, and was stopped after that, or killed.
func damage(t *testing.T, killed bool, do func(dir string) error) string {
	t.Helper()
	s := newService(t)
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	r := start(t, dir, noRules, s.as("order"))
	r.await("test_gauge", "0")
	head := r.storage.Head()
	if err := r.storage.CompactHead(tsdb.NewRangeHead(head, head.MinTime(), head.MaxTime())); err != nil {
		t.Fatal(err)
	}
	s.Set(1)
	r.await("test_gauge", "1")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if killed {
		dir = copied
	}
	if err := do(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// overwrite replaces the beginning of a file.
func overwrite(dir, pattern string) error {
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("%d files are %s: %w", len(paths), pattern, err)
	}
	file, err := os.OpenFile(paths[len(paths)-1], os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString("this is not what was here")
	return errors.Join(err, file.Close())
}

func TestADamagedFolderIsRepaired(t *testing.T) {
	for damaged, counter := range map[string]string{
		damage(t, true, func(dir string) error { return overwrite(dir, "wal/0*") }):              "prometheus_tsdb_wal_corruptions_total",
		damage(t, false, func(dir string) error { return overwrite(dir, "chunk_snapshot*/0*") }): "prometheus_tsdb_snapshot_replay_error_total",
	} {
		t.Run(counter, func(t *testing.T) {
			s := newService(t)
			r := start(t, damaged, noRules, s.as("inventory"))
			r.await(`up{job="inventory"}`, "1")
			if _, own := r.do(http.MethodGet, "/metrics", ""); !strings.Contains(own, counter+" 1\n") {
				t.Errorf("%s is not 1", counter)
			}
		})
	}
}

func TestADamagedFolderIsNamed(t *testing.T) {
	file := func(name string) func(string) error { // instead of a folder
		return func(dir string) error {
			path := filepath.Join(dir, name)
			return errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o600))
		}
	}
	for name, dir := range map[string]string{
		"index of a block": damage(t, false, func(dir string) error { return overwrite(dir, "*/index") }),
		"all":              damage(t, false, file("")),
		"log":              damage(t, false, file("wal")),
		"newest chunks":    damage(t, false, file("chunks_head")),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(dir, noRules)
			if err == nil {
				t.Fatal("no error")
			}
			line := err.Error()
			if !strings.HasPrefix(line, "open the metrics in "+dir+": ") || !strings.HasSuffix(line, "; delete this folder and start again: only metrics are lost") ||
				strings.Contains(line, "\n") {
				t.Errorf("%s, want one line that says which folder to delete", line)
			}
		})
	}
}

func TestWhatToDoAboutAFolder(t *testing.T) {
	for cause, want := range map[error]string{
		syscall.ENOSPC: "open the metrics in /data: write /data/wal: no space left on device; make room on its disk",
		syscall.EACCES: "open the metrics in /data: write /data/wal: permission denied; make it a folder that this user may write to",
		syscall.EROFS:  "open the metrics in /data: write /data/wal: read-only file system; make it a folder that this user may write to",
	} {
		if got := openError("/data", &os.PathError{Op: "write", Path: "/data/wal", Err: cause}).Error(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

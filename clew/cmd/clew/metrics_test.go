package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
)

// query asks the viewer for the values of series, by their labels job and instance.
func (c *clew) query(promql string) map[string]string {
	c.t.Helper()
	response, err := http.Get(c.state().Addresses.Viewer + "/api/v1/query?query=" + url.QueryEscape(promql))
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Result []struct {
				Metric struct{ Job, Instance string }
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s %v", promql, response.Status, err)
	}
	values := map[string]string{}
	for _, series := range answer.Data.Result {
		values[series.Metric.Job+" "+series.Metric.Instance] = fmt.Sprint(series.Value[1])
	}
	return values
}

func TestTheViewerScrapesWhatRuns(t *testing.T) {
	c := newRealClew(t)
	defer http.DefaultClient.CloseIdleConnections()
	const inventory = "inventory inventory-1"
	//nolint:dupword // a job and its instance
	all := map[string]string{"order order-1": "1", inventory: "1", "prometheus viewer": "1", "loadtest loadtest": "0"}
	processtest.Eventually(t, "every process is up", func() error {
		up := c.query("up")
		return processtest.Unless(cmp.Equal(up, all), "up are %v", up)
	})
	processtest.Eventually(t, "rules are evaluated", func() error {
		return processtest.Unless(len(c.query(`stream_group_partition:messaging_stream_lag_seconds:max`)) > 0, "there is no lag")
	})

	const started = `process_start_time_seconds{job="inventory"}`
	before := c.query(started)[inventory]
	if err := syscall.Kill(*c.process("inventory-1", func(state.Process) bool { return true }).PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	processtest.Eventually(t, "the process that was killed is scraped again", func() error {
		after := c.query(started)[inventory]
		up := c.query("up")
		return processtest.Unless(after != "" && after != before && cmp.Equal(up, all), "up are %v, it started at %q", up, after)
	})
	c.want(0, down)
	c.want(0, up)
	if got := c.query(`min_over_time(` + started + `[1h])`)[inventory]; got != before {
		t.Errorf("the first start was at %q, want what was scraped before, %s", got, before)
	}
}

func TestMetricsThatCannotBeOpened(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	c.want(0, down)
	folder := filepath.Join(c.dir, "metrics")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.want(1, up, "open the metrics in "+folder, "delete this folder and start again")
	c.nothingIsLeft(state.State{})
	c.want(0, []string{"reset"}, "deleted "+folder)
	c.want(0, up)
}

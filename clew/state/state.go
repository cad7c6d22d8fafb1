// Package state describes what runs: the file status.json in the folder
// .clew, which the supervisor writes and every other command reads, and the
// lock that says whether the supervisor is alive.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"example.com/clew/services/messaging"
)

// The modes.
const (
	Standalone = "standalone" // child processes of `clew up`
	Compose    = "compose"    // containers, which `make up` starts where there is a Docker engine
)

// State is what runs, as status.json holds it.
type State struct {
	Mode       string          `json:"mode"`
	Partitions int             `json:"partitions"`
	Token      string          `json:"token,omitempty"`
	Redis      messaging.Redis `json:"redis"`
	Addresses  Addresses       `json:"addresses"`
	Processes  []Process       `json:"processes"`
}

// Addresses are the base URLs of what listens.
type Addresses struct {
	Order     string `json:"order"`
	Inventory string `json:"inventory"`
	Viewer    string `json:"viewer"`  // what people look at: the viewer, or Grafana
	Traces    string `json:"traces"`  // Tempo's API: the viewer, or Tempo
	Metrics   string `json:"metrics"` // Prometheus's API: the viewer, or Prometheus
	OTLPGRPC  string `json:"otlp_grpc"`
	OTLPHTTP  string `json:"otlp_http"`
	LoadTest  string `json:"loadtest,omitempty"` // host and port, where one would show its metrics
}

// The states of a process.
const (
	Starting   = "starting"   // the process lives and is not ready yet
	Running    = "running"    // it has been ready since it was last started
	Paused     = "paused"     // it ran, and does nothing until it is continued
	Degraded   = "degraded"   // it runs, and something that it uses is away: what clew status finds out by asking
	Restarting = "restarting" // it died and is started again after a pause
	Stopping   = "stopping"   // it was told to stop
	Stopped    = "stopped"    // it was told to stop, and did
)

// Process is one child of the supervisor.
type Process struct {
	Name     string    `json:"name"`
	PID      *int      `json:"pid"` // nil while it does not run
	State    string    `json:"state"`
	Since    time.Time `json:"since,omitzero"` // when it came into this state
	Restarts int       `json:"restarts"`
	Admin    string    `json:"admin"` // base URL of the admin server, or empty
}

// NotRunningError says that nothing runs that the folder describes.
type NotRunningError struct{ reason string }

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("Clew is not running here (%s): start it with `clew up` or `make up`", e.reason)
}

// ExitCode is 3 for every command that needs a running Clew and finds none.
func (e *NotRunningError) ExitCode() int { return 3 }

// Dir is the folder of this Clew: CLEW_DIR, by default .clew in the current
// directory.
func Dir() string {
	if dir := os.Getenv("CLEW_DIR"); dir != "" {
		return dir
	}
	return ".clew"
}

// Load reads what runs. It returns a *NotRunningError if nothing does: there
// is no status.json, or the supervisor that wrote it is dead. In a container,
// where there is no such folder, CLEW_STATUS holds what the file would.
func Load(dir string) (State, error) {
	var s State
	if text := os.Getenv("CLEW_STATUS"); text != "" {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return s, fmt.Errorf("CLEW_STATUS is wrong, expected the JSON of a status.json: %w", err)
		}
		return s, nil
	}
	data, err := os.ReadFile(path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return s, &NotRunningError{"no " + path(dir)}
	}
	if err != nil {
		return s, fmt.Errorf("read what runs: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", path(dir), err)
	}
	if s.Mode != Standalone {
		return s, nil
	}
	owner, err := Owner(dir)
	if err != nil {
		return s, err
	}
	if owner == 0 {
		return State{}, &NotRunningError{path(dir) + " is of one that was killed"}
	}
	return s, nil
}

// TraceURL is where a person can look at a trace. It fits in 80 columns.
func (s State) TraceURL(id string) string {
	if s.Mode == Standalone {
		return s.Addresses.Viewer + "/traces/" + id
	}
	return s.Addresses.Viewer + "/d/trace?var-id=" + id // grafana/trace/trace.json
}

// RefuseContainers returns an error if what runs, or last ran, are containers:
// for commands that start, stop or read processes of this machine.
func RefuseContainers(dir string) error {
	if running, err := Load(dir); err == nil && running.Mode == Compose {
		return errors.New("refused, because Clew runs in containers here: use `make up`, `make down`, `make status` and `make logs`")
	}
	return nil
}

// Save replaces status.json in one step, so that a reader sees the old or the
// new one. Only the owner may read it, since it holds the token.
func Save(dir string, s State) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write what runs: %w", err)
	}
	temporary := path(dir) + ".new"
	if err := os.WriteFile(temporary, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write what runs: %w", err)
	}
	if err := os.Rename(temporary, path(dir)); err != nil {
		return fmt.Errorf("write what runs: %w", err)
	}
	return nil
}

// Remove deletes status.json and reports whether there was one. One that is
// there before the start was left behind by a supervisor that was killed.
func Remove(dir string) bool { return os.Remove(path(dir)) == nil }

func path(dir string) string { return filepath.Join(dir, "status.json") }

package row

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"example.com/clew/clew/state"
	"example.com/clew/test/bench/internal/child"
)

// A stack is a Clew of bench's own, as `make up` starts it, on free ports.
type stack struct {
	state.State
	clew string
	dir  string
}

// startStack starts one that has these variables too.
func (b *Bench) startStack(ctx context.Context, environment ...string) (*stack, error) {
	return b.startReplicas(ctx, 1, environment...)
}

// startReplicas is startStack with so many replicas of inventory.
func (b *Bench) startReplicas(ctx context.Context, inventory int, environment ...string) (*stack, error) {
	dir, err := os.MkdirTemp(b.dir, "clew")
	if err != nil {
		return nil, err
	}
	s := &stack{clew: b.clew, dir: dir}
	up := exec.CommandContext(ctx, b.clew, "up", "--detach", fmt.Sprintf("--inventory-replicas=%d", inventory))
	up.Env = append(s.environment(), environment...)
	// Asked to stop before everything is ready, it takes back what it has started.
	up.Cancel = func() error { return up.Process.Signal(os.Interrupt) }
	if output, err := up.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("clew up: %w\n%s", err, output)
	}
	if s.State, err = state.Load(dir); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// environment is that of every command for this stack.
func (s *stack) environment() []string {
	environment := append(child.Inherited(), "CLEW_DIR="+s.dir)
	for _, variable := range [...]string{"ORDER_ADDR", "ORDER_ADMIN_ADDR", "INVENTORY_ADDR", "INVENTORY_ADMIN_ADDR",
		"VIEWER_ADDR", "OTLP_GRPC_ADDR", "OTLP_HTTP_ADDR", "LOADTEST_ADDR"} {
		environment = append(environment, variable+"=127.0.0.1:0")
	}
	return environment
}

// stop blocks until everything is gone.
func (s *stack) stop() error {
	down := exec.Command(s.clew, "down")
	down.Env = s.environment()
	if output, err := down.CombinedOutput(); err != nil {
		return fmt.Errorf("clew down: %w\n%s", err, output)
	}
	return nil
}

// admin is the base URL of a service's admin server.
func (s *stack) admin(service string) string {
	for _, p := range s.Processes {
		if strings.HasPrefix(p.Name, service+"-") {
			return p.Admin
		}
	}
	return ""
}

// unharmed fails if a process died meanwhile.
func (s *stack) unharmed() error {
	now, err := state.Load(s.dir)
	if err != nil {
		return err
	}
	for _, p := range now.Processes {
		if p.Restarts > 0 || p.State != state.Running {
			return fmt.Errorf("%s is %s and was restarted %d times", p.Name, p.State, p.Restarts)
		}
	}
	return nil
}

// spans asks all processes of both services what became of their spans, once nothing changes any more.
func (s *stack) spans(ctx context.Context) (exported, dropped int64, err error) {
	for {
		var now spanCounts
		for _, p := range s.Processes {
			if !strings.HasPrefix(p.Name, "order-") && !strings.HasPrefix(p.Name, "inventory-") {
				continue
			}
			counts, err := scrapeSpans(ctx, p.Admin)
			if err != nil {
				return 0, 0, err
			}
			now.exported += counts.exported
			now.dropped += counts.dropped
		}
		if now.exported == exported && now.dropped == dropped {
			return exported, dropped, nil
		}
		exported, dropped = now.exported, now.dropped
		time.Sleep(500 * time.Millisecond) // longer than a span waits to be exported
	}
}

func scrapeSpans(ctx context.Context, admin string) (spanCounts, error) {
	body, err := get(ctx, admin+"/metrics")
	if err != nil {
		return spanCounts{}, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return spanCounts{}, fmt.Errorf("read %s/metrics: %w", admin, err)
	}
	return countSpans(slices.Collect(maps.Values(families))), nil
}

// profileServices starts to profile both services, if that is wanted. What it returns waits for the profiles.
func (b *Bench) profileServices(ctx context.Context, s *stack) (wait func() error) {
	var group errgroup.Group
	for _, service := range [...]string{"order", "inventory"} {
		path := b.profileOf(b.row + "." + service)
		if path == "" {
			continue
		}
		group.Go(func() error {
			url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.admin(service), int(b.sizes.Orders.Seconds()))
			profile, err := get(ctx, url)
			if err != nil {
				return err
			}
			return os.WriteFile(path, profile, 0o644)
		})
	}
	return group.Wait
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.200s", url, response.Status, body)
	}
	return body, err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/clew/standalone/internal/state"
)

// outboxCmd is about the services' outboxes.
type outboxCmd struct {
	Replay replayCmd `cmd:"" help:"Publish the events of a while again: it repairs what Redis lost, and nothing happens twice."`
}

// replayCmd publishes again what the services published.
type replayCmd struct {
	Since time.Duration `default:"15m" help:"How far back, such as 90s, 15m or 2h (${default})."`
}

// Validate checks what the flag's type can't.
func (c *replayCmd) Validate() error {
	if c.Since <= 0 {
		return fmt.Errorf("--since is %s, expected more than 0", c.Since)
	}
	return nil
}

// Run asks one process of each service, since the replicas share an outbox. If one service can't, the others still do.
func (c *replayCmd) Run(ctx context.Context) error {
	running, err := state.Load(state.Dir())
	if err != nil {
		return err
	}
	var problems []error
	for _, service := range serviceNames {
		replayed, err := c.replay(ctx, running, service)
		if err != nil {
			problems = append(problems, fmt.Errorf("replay the outbox of %s: %w", service, err))
			continue
		}
		fmt.Printf("%s: replayed %d events of the last %s\n", service, replayed, c.Since)
	}
	return errors.Join(problems...)
}

func (c *replayCmd) replay(ctx context.Context, running state.State, service string) (int64, error) {
	for _, p := range running.Processes {
		if strings.HasPrefix(p.Name, service+"-") && p.State == state.Running {
			return askReplay(ctx, p.Admin, running.Token, c.Since)
		}
	}
	return 0, errors.New("none of its processes is running, see `clew status`")
}

func askReplay(ctx context.Context, admin, token string, since time.Duration) (int64, error) {
	address := admin + "/outbox/replay?" + url.Values{"since": {since.String()}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answered %s: %.200q", admin, response.Status, body)
	}
	var answer struct {
		Replayed int64 `json:"replayed"`
	}
	return answer.Replayed, json.Unmarshal(body, &answer)
}

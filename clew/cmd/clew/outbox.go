package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/services/messaging"
)

// outboxCmd is about the services' outboxes.
type outboxCmd struct {
	Replay replayCmd `cmd:"" help:"Publish the events of a while again: it repairs losses of Redis, and nothing happens twice."`
}

// replayCmd publishes again what the services published.
type replayCmd struct {
	Since time.Duration `default:"15m" help:"How far back to begin, such as 90s, 15m or 2h (${default})."`
	Until time.Duration `default:"0s" help:"How far back to stop (now)."`
	Force bool          `help:"Also events so old that they could take effect a second time."`
}

// Validate checks what the flags' types can't.
func (c *replayCmd) Validate() error {
	if c.Since <= 0 {
		return fmt.Errorf("--since is %s, expected more than 0", c.Since)
	}
	if c.Until < 0 || c.Until >= c.Since {
		return fmt.Errorf("--until is %s, expected from 0s to below --since, which is %s", c.Until, c.Since)
	}
	if c.Since > messaging.InboxRetention && !c.Force {
		return fmt.Errorf("--since is %s: %w; --force replays it all the same", c.Since, messaging.ErrTooOld)
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
		if err := c.replay(ctx, running, service); err != nil {
			problems = append(problems, fmt.Errorf("replay the outbox of %s: %w", service, err))
		}
	}
	return errors.Join(problems...)
}

// replay asks until nothing is left, and tells at most once a second how far it is.
func (c *replayCmd) replay(ctx context.Context, running state.State, service string) error {
	i := slices.IndexFunc(running.Processes, func(p state.Process) bool {
		return strings.HasPrefix(p.Name, service+"-") && p.State == state.Running
	})
	if i < 0 {
		return errors.New("none of its processes is running, see `clew status`")
	}
	query := url.Values{"since": {c.Since.String()}, "until": {c.Until.String()}}
	if c.Force {
		query.Set("force", "1")
	}
	replayed, told := int64(0), time.Now()
	for {
		answer, err := askReplay(ctx, running.Processes[i].Admin, running.Token, query)
		replayed += answer.Replayed
		switch {
		case err != nil && replayed > 0:
			return fmt.Errorf("after %d events, and it can be run again: %w", replayed, err)
		case err != nil:
			return err
		case answer.Rest == nil:
			terminal.Printf(os.Stdout, "%s: replayed %d events\n", service, replayed)
			return nil
		case time.Since(told) >= time.Second:
			terminal.Printf(os.Stdout, "%s: replayed %d events so far\n", service, replayed)
			told = time.Now()
		}
		query = url.Values{"after": {answer.Rest.After}, "before": {answer.Rest.Before}}
	}
}

// replayAnswer is how many events a request replayed, and what to ask for next.
type replayAnswer struct {
	Replayed int64 `json:"replayed"`
	Rest     *struct{ After, Before string }
}

func askReplay(ctx context.Context, admin, token string, query url.Values) (answer replayAnswer, err error) {
	status, body, err := post(ctx, admin+"/outbox/replay?"+query.Encode(), token)
	if err != nil {
		return answer, err
	}
	if status != "200 OK" {
		return answer, fmt.Errorf("%s answered %s: %.200q", admin, status, body)
	}
	return answer, json.Unmarshal(body, &answer)
}

// post asks for something that needs the token, and returns the answer's status, as in "200 OK", and its body, at most 64 KiB.
func post(ctx context.Context, address, token string) (status string, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		return "", nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, 1<<16))
	return response.Status, body, err
}

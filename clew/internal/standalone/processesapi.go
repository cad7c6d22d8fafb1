package standalone

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/clew/internal/poison"
	"example.com/clew/clew/state"
	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer/page"
)

const longestPause = 10 * time.Minute

// questions are the page's about processes, which are answered while Redis is paused, too, and about the switch of test-poison.
func (p *processes) questions(client redis.Cmdable) map[string]page.Question {
	return map[string]page.Question{
		"GET /api/processes": func(*http.Request) (any, error) { return page.Items(p.shown()), nil },
		"GET /api/poison": func(r *http.Request) (any, error) {
			fixed, err := poison.Fixed(r.Context(), client)
			return map[string]bool{"fixed": fixed}, redisProblem(err)
		},
	}
}

// acts are what the page may do.
func (p *processes) acts(client redis.Cmdable) map[string]page.Question {
	turn := func(turn func(context.Context, redis.Cmdable) error) page.Question {
		return func(r *http.Request) (any, error) { return nil, redisProblem(turn(r.Context(), client)) }
	}
	return map[string]page.Question{
		"POST /api/processes": func(*http.Request) (any, error) {
			name, err := p.addReplica()
			return map[string]string{"name": name}, err
		},
		"POST /api/processes/{name}/{act}": func(r *http.Request) (any, error) {
			name, act, length := r.PathValue("name"), r.PathValue("act"), r.FormValue("for")
			if act != "pause" || length == "" {
				return nil, p.act(name, act)
			}
			d, err := time.ParseDuration(length)
			if err != nil || d <= 0 || d > longestPause {
				return nil, httpserver.Problemf(http.StatusBadRequest, "for is %.50q, expected a duration above 0, such as 3s, up to %s",
					length, longestPause)
			}
			return nil, p.pauseFor(name, d)
		},
		"POST /api/poison/fix":   turn(poison.Fix),
		"POST /api/poison/break": turn(poison.Break),
	}
}

// shownProcess is a process as the page shows it.
type shownProcess struct {
	state.Process
	Removable bool `json:"removable"`
}

func (p *processes) shown() (all []shownProcess) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, now := range p.supervisor.Processes() {
		child := p.find(now.Name)
		all = append(all, shownProcess{now, child != nil && child.further})
	}
	return all
}

// conflict is for what makes no sense now.
func conflict(err error) error {
	if errors.As(err, new(*httpserver.Problem)) {
		return err
	}
	return httpserver.Problemf(http.StatusConflict, "%v", err)
}

func redisProblem(err error) error {
	if err == nil {
		return nil
	}
	return httpserver.Problemf(http.StatusServiceUnavailable,
		"Redis does not answer, and the switch of test-poison is there: continue redis first")
}

package metrics

import (
	"cmp"
	"fmt"
	"log/slog"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// A scrape that exceeds these limits fails as a whole: up is 0. A service of Clew has about 1 000 series.
const (
	maxSeriesPerTarget = 20_000
	maxBytesPerTarget  = "16MB"
)

// pool is the name of the one scrape configuration. It appears only in the API's answers about targets; the job is a label of
// the target.
const pool = "clew"

// Target is a process that has metrics at http://Addr/metrics.
type Target struct {
	Job      string // becomes the label job
	Addr     string // host:port
	Instance string // becomes the label instance; Addr, if it is empty
}

// SetTargets replaces the processes to scrape. It does not block, and takes effect within a second. Targets that stay are scraped
// without interruption. The series of a removed target end after two scrape intervals.
func (e *Engine) SetTargets(targets ...Target) {
	groups := make([]*targetgroup.Group, len(targets))
	for i, target := range targets {
		groups[i] = &targetgroup.Group{Targets: []model.LabelSet{{
			model.AddressLabel:  model.LabelValue(target.Addr),
			model.JobLabel:      model.LabelValue(target.Job),
			model.InstanceLabel: model.LabelValue(cmp.Or(target.Instance, target.Addr)),
		}}}
	}
	e.setting.Lock()
	defer e.setting.Unlock()
	select {
	case <-e.targets: // not taken yet, and outdated
	default:
	}
	e.targets <- map[string][]*targetgroup.Group{pool: groups}
}

// scrapeConfig is the equivalent of Prometheus's configuration file. Everything else has Prometheus's default; by default a
// scrape asks for OpenMetrics first, which has exemplars. Nothing is compressed: what is scraped is on this machine, and
// compressing would take both sides an eighth of what they need while nothing happens.
func scrapeConfig(cfg Config) (*config.Config, error) {
	parsed, err := config.Load(fmt.Sprintf(`
global:
  scrape_interval: %s
  evaluation_interval: %s
scrape_configs:
  - job_name: %s
    enable_compression: false
    sample_limit: %d
    body_size_limit: %s
`, model.Duration(cfg.ScrapeInterval), model.Duration(cfg.EvaluationInterval), pool, maxSeriesPerTarget, maxBytesPerTarget),
		slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("configure the metrics engine: %w", err)
	}
	return parsed, nil
}

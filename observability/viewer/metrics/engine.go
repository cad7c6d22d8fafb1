package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/logging"
	"golang.org/x/sync/errgroup"
)

// Config configures an Engine. Dir, Rules and Logger are needed.
type Config struct {
	// Dir is the folder of the data; Open creates it. The caller must make sure that no other engine uses it.
	Dir string
	// Rules has files of recording and alerting rules: every file whose name ends in .yml.
	Rules fs.FS
	// Logger gets errors; repeated ones once a minute.
	Logger *slog.Logger

	ScrapeInterval     time.Duration // zero means 2 s
	EvaluationInterval time.Duration // of groups of rules that do not set their own; zero means 5 s
}

// Engine scrapes and stores metrics, evaluates rules and answers queries. Its methods may be called concurrently.
type Engine struct {
	config   *config.Config
	registry *prometheus.Registry // of the engine's own metrics
	logs     *logging.Deduper
	storage  *tsdb.DB
	queries  *promql.Engine
	scrapes  *scrape.Manager
	files    ruleFiles
	rules    *rules.Manager

	setting sync.Mutex
	targets chan map[string][]*targetgroup.Group // the newest, if not taken yet

	answering sync.RWMutex // held for reading by every request
	closed    bool
}

// Open opens the folder and loads its data, which takes up to two seconds after long use. It repairs files that a killed process
// has left half-written. It does not scrape or evaluate: the caller must call Run, which also closes the engine.
//
// An error names the invalid file of rules, or the folder and what to do about it, in one line.
func Open(cfg Config) (*Engine, error) {
	if cfg.ScrapeInterval == 0 {
		cfg.ScrapeInterval = 2 * time.Second
	}
	if cfg.EvaluationInterval == 0 {
		cfg.EvaluationInterval = 5 * time.Second
	}
	syntax := parser.NewParser(parser.Options{})
	files, err := findRules(cfg.Rules, syntax)
	if err != nil {
		return nil, err
	}
	scraping, err := scrapeConfig(cfg)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		config:   scraping,
		registry: prometheus.NewRegistry(),
		logs:     logging.Dedupe(cfg.Logger, time.Minute),
		files:    files,
		targets:  make(chan map[string][]*targetgroup.Group, 1),
	}
	logger := slog.New(e.logs)
	e.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e.storage, err = openStorage(cfg.Dir, logger, e.registry)
	if err != nil {
		e.logs.Stop()
		return nil, err
	}
	e.scrapes, err = scrape.NewManager(&scrape.Options{
		DiscoveryReloadInterval:  model.Duration(time.Second), // how soon a change of targets is followed; it wakes this process
		DiscoveryReloadOnStartup: true,
	}, logger, nil, nil, e.storage, e.registry)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up scraping: %w", err), e.close())
	}
	e.queries = promql.NewEngine(promql.EngineOpts{
		Logger:                   logger,
		Reg:                      e.registry,
		MaxSamples:               maxSamples,
		Timeout:                  queryTimeout,
		ActiveQueryTracker:       make(queryLimit, maxQueries),
		EnableAtModifier:         true, // this and the next two are as in Prometheus
		EnableNegativeOffset:     true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return cfg.EvaluationInterval.Milliseconds() },
		Parser:                   syntax,
	})
	e.rules = rules.NewManager(&rules.ManagerOptions{
		ExternalURL: &url.URL{},
		QueryFunc:   rules.EngineQueryFunc(e.queries, e.storage),
		NotifyFunc:  func(context.Context, string, ...*rules.Alert) {}, // there is nobody to notify
		Appendable:  e.storage,
		Queryable:   e.storage,
		Logger:      logger,
		Registerer:  e.registry,
		GroupLoader: e.files,
		Parser:      syntax,
	})
	return e, nil
}

// Registerer registers further metrics of this process, for GET /metrics.
func (e *Engine) Registerer() prometheus.Registerer { return e.registry }

// Run scrapes and evaluates until ctx ends. Then it waits for requests under way, refuses further ones and closes the storage.
// Run returns nil, or the error of closing.
func (e *Engine) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		// It looks up this machine's name, which may take seconds: so not in Open.
		if err := e.scrapes.ApplyConfig(e.config); err != nil {
			return fmt.Errorf("configure scraping: %w", err)
		}
		return e.scrapes.Run(e.targets)
	})
	group.Go(func() error {
		interval := time.Duration(e.config.GlobalConfig.EvaluationInterval)
		if err := e.rules.Update(interval, e.files.names, labels.EmptyLabels(), "", nil); err != nil {
			return fmt.Errorf("load the rules: %w", err)
		}
		e.rules.Run()
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		e.rules.Stop()
		e.scrapes.Stop()
		return nil
	})
	err := group.Wait()
	e.answering.Lock()
	defer e.answering.Unlock()
	e.closed = true
	return errors.Join(err, e.close())
}

func (e *Engine) close() error {
	defer e.logs.Stop()
	if err := e.storage.Close(); err != nil {
		return fmt.Errorf("close the metrics: %w", err)
	}
	return nil
}

// answer keeps the storage open while a request is answered, because a query reads memory-mapped files.
func (e *Engine) answer(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.answering.RLock()
		defer e.answering.RUnlock()
		if e.closed {
			http.Error(w, "the metrics are closed", http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

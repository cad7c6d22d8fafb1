package messaging

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

const sampleEvery = 2 * time.Second

// A Sampler measures streams, whoever publishes to them and consumes them: lag, pending messages, dead letters. Each
// process that has to do with a stream samples all of it, so that a group's lag is seen when the group is dead. All
// of them report the same, and who adds up takes the maximum.
type Sampler struct {
	client     redis.UniversalClient
	partitions int
	streams    []string
	logger     *slog.Logger
	errors     *prometheus.CounterVec

	mu      sync.Mutex
	samples map[string][]StreamInfo // by stream; one that could not be sampled is not there
}

// NewSampler returns a sampler of streams of so many partitions. The sampler does not close the client.
func NewSampler(client redis.UniversalClient, partitions int, streams []string, options ...Option) *Sampler {
	c := newConfig(options)
	s := &Sampler{
		client: client, partitions: partitions, streams: streams, logger: c.logger, samples: map[string][]StreamInfo{},
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "messaging_lag_sample_errors_total",
			Help: "Samples of a stream that failed; until the next one its gauges are absent.",
		}, []string{labelStream}),
	}
	for _, stream := range streams {
		s.errors.WithLabelValues(stream)
	}
	register(c.registerer, s.errors)
	register(c.registerer, prometheus.Collector(sampleCollector{s}))
	return s
}

// Run samples every 2 s until ctx ends, and then returns nil.
func (s *Sampler) Run(ctx context.Context) error {
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	for {
		for _, stream := range s.streams {
			s.sample(ctx, stream)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

func (s *Sampler) sample(ctx context.Context, stream string) {
	sampling, cancel := context.WithTimeout(ctx, sampleEvery)
	defer cancel()
	infos, err := inspectStream(sampling, s.client, stream, s.partitions)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	_, known := s.samples[stream]
	delete(s.samples, stream)
	if err == nil {
		s.samples[stream] = infos
	}
	s.mu.Unlock()
	if err != nil {
		s.errors.WithLabelValues(stream).Inc()
		if known {
			s.logger.Warn("sampling a stream failed", "stream", stream, "error", err)
		}
	}
}

var (
	descMessages = prometheus.NewDesc("messaging_stream_messages",
		"Messages in the stream, acknowledged ones included.", partitionLabels, nil)
	descDeadLetters = prometheus.NewDesc("messaging_dead_letter_messages",
		"Messages in the dead letters.", partitionLabels, nil)
	descDeadLetterOldest = prometheus.NewDesc("messaging_dead_letter_oldest_seconds",
		"Time since the oldest dead letter was given up; 0 without one.", partitionLabels, nil)
	descLag = prometheus.NewDesc("messaging_stream_lag_messages",
		"Messages not yet delivered to the group.", groupLabels, nil)
	descLagCapped = prometheus.NewDesc("messaging_stream_lag_capped",
		"1 if the lag is not known, but at least what messaging_stream_lag_messages says.", groupLabels, nil)
	descLagSeconds = prometheus.NewDesc("messaging_stream_lag_seconds",
		"Age of the oldest message not yet delivered to the group; 0 without one.", groupLabels, nil)
	descPending = prometheus.NewDesc("messaging_stream_pending_messages",
		"Messages delivered to the group and not acknowledged.", groupLabels, nil)
	descOldestPending = prometheus.NewDesc("messaging_stream_oldest_pending_seconds",
		"Age of the oldest message delivered to the group and not acknowledged; 0 without one.", groupLabels, nil)
	descConsumers = prometheus.NewDesc("messaging_stream_consumers",
		"Consumers of the group, alive or not yet removed.", groupLabels, nil)

	partitionLabels = []string{labelStream, labelPartition}
	groupLabels     = []string{labelStream, labelGroup, labelPartition}
)

// sampleCollector reports the last sample, so that a scrape waits for nothing and a group that is gone is gone here.
type sampleCollector struct{ *Sampler }

// Describe implements prometheus.Collector.
func (c sampleCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		descMessages, descDeadLetters, descDeadLetterOldest, descLag, descLagCapped, descLagSeconds, descPending,
		descOldestPending, descConsumers,
	} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (c sampleCollector) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, infos := range c.samples {
		for _, info := range infos {
			partition := strconv.Itoa(info.Partition)
			gauge(descMessages, float64(info.Messages), info.Stream, partition)
			gauge(descDeadLetters, float64(info.DeadLetters), info.Stream, partition)
			gauge(descDeadLetterOldest, info.OldestDeadLetter, info.Stream, partition)
			for _, g := range info.Groups {
				labels := []string{info.Stream, strings.ToValidUTF8(g.Name, "�"), partition} // anybody may make a group
				gauge(descLag, float64(g.Lag), labels...)
				gauge(descLagCapped, map[bool]float64{true: 1}[g.LagCapped], labels...)
				gauge(descLagSeconds, g.LagSeconds, labels...)
				gauge(descPending, float64(g.Pending), labels...)
				gauge(descOldestPending, g.OldestPending, labels...)
				gauge(descConsumers, float64(g.Consumers), labels...)
			}
		}
	}
}

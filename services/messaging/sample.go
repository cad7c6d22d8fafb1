package messaging

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const sampleEvery = 2 * time.Second

// A Sampler measures lag, pending messages and dead letters of streams, for all groups. Each process that uses a stream
// samples all of it, so that a dead group's lag is still seen. All report the same values: aggregate with max, not sum.
type Sampler struct {
	*shared
	streams []sampled
	errors  *prometheus.CounterVec
}

// sampled is a stream with the gauges that report its last sample.
type sampled struct {
	*inspector
	gauges *streamGauges
}

// Sampler returns a sampler of streams; Run starts it. Samplers that share a registerer may have streams in common.
func (s *Streams) Sampler(streams ...string) *Sampler {
	sampler := &Sampler{
		shared: s.shared,
		errors: register(s.Registerer, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "messaging_lag_sample_errors_total",
			Help: "Failed samples of a stream; gauges of partitions that could not be sampled are absent until the next one.",
		}, []string{labelStream})),
	}
	for _, stream := range streams {
		sampler.errors.WithLabelValues(stream)
		sampler.streams = append(sampler.streams, sampled{
			newInspector(s.client, stream, s.Partitions), register(s.Registerer, newStreamGauges(stream)),
		})
	}
	return sampler
}

// Run samples every 2 s until ctx ends, and then returns nil. Its only error is a *PartitionsError, when a stream has another
// number of partitions. It sets the number again after Redis has lost its data.
func (s *Sampler) Run(ctx context.Context) error {
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	for {
		for _, stream := range s.streams {
			if err := s.sample(ctx, stream); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

func (s *Sampler) sample(ctx context.Context, of sampled) error {
	sampling, cancel := context.WithTimeout(ctx, sampleEvery)
	defer cancel()
	err := s.agree(sampling, of.stream)
	if other := (*PartitionsError)(nil); errors.As(err, &other) {
		return err
	}
	infos, looking := of.inspect(sampling)
	if ctx.Err() != nil {
		return nil
	}
	err = errors.Join(err, looking)
	if whole := of.gauges.set(infos, err == nil); err != nil {
		s.errors.WithLabelValues(of.stream).Inc()
		if whole { // before
			s.Logger.Warn("sampling a stream failed", "stream", of.stream, "error", err)
		}
	}
	return nil
}

// The gauges of a partition, and of a group in a partition. All have the labels of stream and partition.
var (
	partitionGauges = [...]struct {
		name, help string
		value      func(StreamInfo) float64
	}{
		{"messaging_stream_messages", "Messages in the stream, acknowledged ones included.",
			func(s StreamInfo) float64 { return float64(s.Messages) }},
		{"messaging_dead_letter_messages", "Messages in the dead letters.",
			func(s StreamInfo) float64 { return float64(s.DeadLetters) }},
		{"messaging_dead_letter_oldest_seconds", "Time since the oldest dead letter was given up; 0 without one.",
			func(s StreamInfo) float64 { return s.OldestDeadLetter }},
	}
	groupGauges = [...]struct {
		name, help string
		value      func(GroupInfo) float64
	}{
		{"messaging_stream_lag_messages", "Messages not yet delivered to the group; a lower bound where messaging_stream_lag_capped is 1.",
			func(g GroupInfo) float64 { return float64(g.Lag) }},
		{"messaging_stream_lag_capped", "1 where the lag is not known exactly, and messaging_stream_lag_messages is a lower bound.",
			func(g GroupInfo) float64 { return map[bool]float64{true: 1}[g.LagCapped] }},
		{"messaging_stream_lag_seconds",
			"Age of the oldest message not yet delivered to the group, or given back by a consumer that had not begun it; 0 without one.",
			func(g GroupInfo) float64 { return g.LagSeconds }},
		{"messaging_stream_pending_messages", "Messages delivered to the group and not acknowledged.",
			func(g GroupInfo) float64 { return float64(g.Pending) }},
		{"messaging_stream_oldest_pending_seconds",
			"Age of the oldest message delivered to the group and not acknowledged; 0 without one.",
			func(g GroupInfo) float64 { return g.OldestPending }},
		{"messaging_stream_consumers", "Consumers of the group that were heard of in the last 15 s.",
			func(g GroupInfo) float64 { return float64(g.Consumers) }},
	}
)

// streamGauges report the last sample of a stream, so that a scrape waits for nothing and a deleted group disappears. The
// stream is a constant label, so several streams can share a registry; samplers of one stream share its gauges.
type streamGauges struct {
	partition [len(partitionGauges)]*prometheus.Desc
	group     [len(groupGauges)]*prometheus.Desc

	mu    sync.Mutex
	infos []StreamInfo
	whole bool // no part of the sample failed
}

func newStreamGauges(stream string) *streamGauges {
	s, labels := &streamGauges{}, prometheus.Labels{labelStream: stream}
	for i, g := range partitionGauges {
		s.partition[i] = prometheus.NewDesc(g.name, g.help, []string{labelPartition}, labels)
	}
	for i, g := range groupGauges {
		s.group[i] = prometheus.NewDesc(g.name, g.help, []string{labelPartition, labelGroup}, labels)
	}
	return s
}

// set replaces the sample, and reports whether the one before was whole.
func (s *streamGauges) set(infos []StreamInfo, whole bool) (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.whole
	s.infos, s.whole = infos, whole
	return before
}

// Describe implements prometheus.Collector.
func (s *streamGauges) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range append(s.partition[:], s.group[:]...) {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (s *streamGauges) Collect(metrics chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, info := range s.infos {
		partition := strconv.Itoa(info.Partition)
		for i, g := range partitionGauges {
			metrics <- prometheus.MustNewConstMetric(s.partition[i], prometheus.GaugeValue, g.value(info), partition)
		}
		shown := map[string]bool{}
		for _, group := range info.Groups {
			name := clean(group.Name, maxAttributeBytes) // anybody may make a group
			if shown[name] {
				continue // it looks like another group, and a duplicate would fail the scrape
			}
			shown[name] = true
			for i, g := range groupGauges {
				metrics <- prometheus.MustNewConstMetric(s.group[i], prometheus.GaugeValue, g.value(group), partition, name)
			}
		}
	}
}

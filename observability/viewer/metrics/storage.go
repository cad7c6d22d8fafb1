package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

const (
	retention    = 24 * time.Hour
	maxDiskBytes = 1 << 30 // of blocks, besides the newest minutes in the log
	maxExemplars = 20_000
)

// openStorage opens the folder. The newest samples are in memory and in a log, which a start reads back; from time to time they
// become a block. Prometheus's defaults are for millions of series on a server. Here there are some thousands, memory matters,
// and starts are frequent: so blocks are short, and a stop writes a snapshot, which is read instead of the log.
func openStorage(dir string, logger *slog.Logger, registry prometheus.Registerer) (*tsdb.DB, error) {
	options := tsdb.DefaultOptions()
	options.RetentionDuration = retention.Milliseconds()
	options.MaxBytes = maxDiskBytes
	options.MinBlockDuration = (30 * time.Minute).Milliseconds()
	options.MaxBlockDuration = 9 * options.MinBlockDuration // blocks are merged by threes, twice
	options.EnableMemorySnapshotOnShutdown = true
	options.WALCompression = compression.Snappy
	options.WALSegmentSize = 16 << 20
	options.StripeSize = 512
	options.HeadChunksWriteBufferSize = 256 << 10
	options.EnableExemplarStorage = true
	options.MaxExemplars = maxExemplars
	options.NoLockfile = true // a killed process would leave one behind
	storage, err := tsdb.Open(dir, logger, registry, options, nil)
	if err != nil {
		return nil, openError(dir, err)
	}
	return storage, nil
}

// openError returns an error of one line with advice.
func openError(dir string, err error) error {
	advice := "delete this folder and start again: only metrics are lost"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		advice = "make room on its disk"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		advice = "make it a folder that this user may write to"
	}
	return fmt.Errorf("open the metrics in %s: %s; %s", dir, strings.ReplaceAll(err.Error(), "\n", "; "), advice)
}

// status is the storage for Prometheus's API.
type status struct{ *tsdb.DB }

func (s status) Stats(label string, limit int) (*tsdb.Stats, error) {
	return s.Head().Stats(label, limit), nil
}

func (s status) BlockMetas() ([]tsdb.BlockMeta, error) { return s.DB.BlockMetas(), nil }

func (s status) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }

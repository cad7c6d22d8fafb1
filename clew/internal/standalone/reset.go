package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/clew/clew/internal/logs"
	"example.com/clew/clew/state"
)

// Reset deletes what earlier starts left in the folder, and returns the paths
// that it deleted. It keeps the lock, which it holds meanwhile, and whatever
// Clew has not made. Where Clew runs it returns a *state.AlreadyRunningError.
func Reset(dir string) (deleted []string, err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if !state.Known(dir) {
		return nil, fmt.Errorf("%s has no lock, so it is not a folder that Clew made: nothing is deleted", dir)
	}
	lock, err := state.Acquire(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()

	remove := func(path string) {
		if _, missing := os.Lstat(path); missing != nil {
			return
		}
		if e := os.RemoveAll(path); e != nil {
			err = errors.Join(err, fmt.Errorf("delete %s: %w", path, e))
			return
		}
		deleted = append(deleted, path)
	}
	if state.Remove(dir) {
		deleted = append(deleted, filepath.Join(dir, "status.json"))
	}
	remove(filepath.Join(dir, "token"))
	remove(filepath.Join(dir, "redis", "port"))
	remove(filepath.Join(dir, "redis", "password"))
	remove(filepath.Join(dir, "redis", "redis.conf"))
	remove(filepath.Join(dir, "redis", "appendonlydir"))
	remove(metricsDir(dir))
	for _, service := range []string{"order", "inventory"} {
		for _, part := range []string{"", "-wal", "-shm"} {
			remove(databasePath(dir, service) + part)
		}
	}
	for _, process := range []string{"clew", "redis", "order-*", "inventory-*"} {
		written, _ := filepath.Glob(logs.Path(dir, process)) // the pattern is good
		rotated, _ := filepath.Glob(logs.Path(dir, process) + ".1")
		for _, path := range append(written, rotated...) {
			remove(path)
		}
	}
	// Empty by now, unless somebody else keeps files there.
	_ = os.Remove(filepath.Join(dir, "redis"))
	_ = os.Remove(logs.Dir(dir))
	return deleted, err
}

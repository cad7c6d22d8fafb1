// Package logs keeps one log file a process in .clew/logs and reads them back.
package logs

import (
	"fmt"
	"os"
	"path/filepath"
)

// rotateAt bounds a log: one that is larger when its process starts becomes
// NAME.log.1, in place of an earlier one.
const rotateAt = 10 << 20

// Dir is the folder of the logs.
func Dir(dir string) string { return filepath.Join(dir, "logs") }

// Path is the log of the process with that name.
func Path(dir, name string) string { return filepath.Join(Dir(dir), name+".log") }

// Open opens a log for appending and makes it, and its folder, if missing.
func Open(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the logs: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > rotateAt {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("rotate the log: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return file, nil
}

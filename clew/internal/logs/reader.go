package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// lastBytes is how far back Last looks.
const lastBytes = 1 << 20

// Reader reads whole lines from a log that is still written. The zero offset
// is the start of the file; a log that does not exist yet reads as empty.
type Reader struct {
	Path   string
	file   os.FileInfo
	offset int64
}

// Last returns the last lines, of the log's last MiB, and leaves the reader at
// the end.
func (r *Reader) Last(lines int) ([]byte, error) {
	if info, err := os.Stat(r.Path); err == nil {
		r.file, r.offset = info, max(0, info.Size()-lastBytes)
	}
	text, err := r.Next()
	start := len(text)
	for range lines {
		if start == 0 {
			break
		}
		start = bytes.LastIndexByte(text[:start-1], '\n') + 1
	}
	return text[start:], err
}

// Next returns the lines written since the last call, from the start of the
// new file if the log was rotated.
func (r *Reader) Next() ([]byte, error) {
	file, err := os.Open(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if r.file != nil && !os.SameFile(r.file, info) {
		r.offset = 0
	}
	r.file = info
	text, err := io.ReadAll(io.NewSectionReader(file, r.offset, 1<<62))
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	r.offset += int64(len(text))
	return text, nil
}

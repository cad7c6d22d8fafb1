package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// Stdout is the path that stands for standard output.
const Stdout = "-"

// Check returns an error if Write and Replace could not write to path. Call it before a run, so that no run ends without its
// report. It leaves nothing behind.
func Check(path string) error {
	if path == Stdout {
		return nil
	}
	target, mode, err := resolve(path)
	if err != nil {
		return err
	}
	if mode.IsRegular() {
		temporary, err := os.CreateTemp(filepath.Dir(target), temporaryPattern(target))
		if err != nil {
			return unwritable(path, err)
		}
		return errors.Join(temporary.Close(), os.Remove(temporary.Name()))
	}
	file, err := os.OpenFile(target, os.O_WRONLY, 0)
	if err != nil {
		return unwritable(path, err)
	}
	return file.Close()
}

// Write writes r as JSON, as Replace does. Control characters that JSON may hold are escaped: a terminal would obey them.
func (r Result) Write(path string) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(r); err != nil {
		return err
	}
	escaped := controls.ReplaceAllFunc(text.Bytes(), func(c []byte) []byte {
		return fmt.Appendf(nil, `\u%04x`, []rune(string(c))[0])
	})
	return Replace(path, func(w io.Writer) error {
		_, err := w.Write(escaped)
		return err
	})
}

var controls = regexp.MustCompile(`[\x{7f}-\x{9f}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{2069}\x{feff}]`)

// Replace replaces the content of path by the output of write. After an error, an existing file is unchanged. A path that is not
// a file, such as /dev/stdout, is written to directly.
func Replace(path string, write func(io.Writer) error) error {
	if path == Stdout {
		return write(os.Stdout)
	}
	target, mode, err := resolve(path)
	if err != nil {
		return err
	}
	if !mode.IsRegular() {
		file, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return unwritable(path, err)
		}
		if err := errors.Join(write(file), file.Close()); err != nil {
			return fmt.Errorf("write %s: %w", path, cause(err))
		}
		return nil
	}

	temporary, err := os.CreateTemp(filepath.Dir(target), temporaryPattern(target))
	if err != nil {
		return unwritable(path, err)
	}
	err = write(temporary)
	if err == nil {
		err = errors.Join(temporary.Chmod(mode.Perm()), temporary.Sync())
	}
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), target)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // the first error is the one to tell
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	return nil
}

// resolve follows symbolic links of path, and returns the target and its mode, or the mode that it would have.
func resolve(path string) (target string, mode fs.FileMode, err error) {
	info, err := os.Stat(path)
	switch {
	case path == "":
		return "", 0, errors.New("cannot write a report without the name of a file")
	case errors.Is(err, fs.ErrNotExist):
		return path, 0o644, nil
	case err != nil:
		return "", 0, unwritable(path, err)
	case info.IsDir():
		return "", 0, fmt.Errorf("cannot write %s: it is a folder; name a file in it", path)
	case info.Mode().IsRegular():
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return "", 0, unwritable(path, err)
		}
		// A folder's owner may replace a file that may not be written; its protection forbids that.
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return "", 0, unwritable(path, err)
		}
		return path, info.Mode(), file.Close()
	}
	return path, info.Mode(), nil
}

func temporaryPattern(target string) string { return "." + filepath.Base(target) + ".*" }

func unwritable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write %s: there is no folder %s; create it, or name a file elsewhere", path, filepath.Dir(path))
	}
	return fmt.Errorf("cannot write %s: %w; name a file elsewhere", path, cause(err))
}

// cause returns the error without the path, which is that of the temporary file.
func cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

package logs

import (
	"os"
	"strings"
	"testing"
)

func TestOpenAppendsAndRotatesWhatIsLarge(t *testing.T) {
	path := Path(t.TempDir(), "order-1")
	write(t, path, "first\n")
	write(t, path, "second\n")
	if got := read(t, path); got != "first\nsecond\n" {
		t.Errorf("the log is %q, want both lines", got)
	}
	write(t, path, strings.Repeat("x", rotateAt))
	write(t, path, "new\n")
	if got := read(t, path); got != "new\n" {
		t.Errorf("after the rotation the log has %d bytes, want the new line alone", len(got))
	}
	if got := read(t, path+".1"); !strings.HasPrefix(got, "first\n") {
		t.Error("the rotated log does not hold what was written")
	}
}

func TestReader(t *testing.T) {
	path := Path(t.TempDir(), "order-1")
	r := &Reader{Path: path}
	next := func(want string) {
		t.Helper()
		if got, err := r.Next(); err != nil || string(got) != want {
			t.Errorf("Next: %q, %v, want %q", got, err, want)
		}
	}
	next("") // no log yet
	write(t, path, "1\n2\n3\nunfin")
	for lines, want := range map[int]string{0: "", 1: "3\n", 2: "2\n3\n", 9: "1\n2\n3\n"} {
		if got, err := r.Last(lines); err != nil || string(got) != want {
			t.Errorf("Last(%d): %q, %v, want %q", lines, got, err, want)
		}
	}
	next("")
	write(t, path, "ished\n4\n")
	next("unfinished\n4\n")

	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path, "rotated\n")
	next("rotated\n")
}

func TestReaderLooksAtTheEndOfALargeLog(t *testing.T) {
	path := Path(t.TempDir(), "order-1")
	write(t, path, strings.Repeat("old\n", lastBytes)+"last\n")
	r := &Reader{Path: path}
	if got, err := r.Last(1); err != nil || string(got) != "last\n" {
		t.Errorf("Last(1): %q, %v", got, err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package telemetrytest

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// Golden compares got with testdata/<name>.golden of the package under test and fails the test with their difference.
// "go test . -update" writes the file instead.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	GoldenFile(t, filepath.Join("testdata", name+".golden"), got)
}

// GoldenFile is Golden for any other file that its test generates.
func GoldenFile(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		writeGolden(t, path, got)
		return
	}
	want, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Errorf("%s is missing; to create it, run: go test . -run '^%s$' -update\ngot:\n%s", path, t.Name(), got)
	case err != nil:
		t.Error(err)
	case string(want) != got:
		t.Errorf("%s differs (-want +got); to accept it, run: go test . -run '^%s$' -update\n%s",
			path, t.Name(), cmp.Diff(string(want), got))
	}
}

func writeGolden(t testing.TB, path, got string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Error(err)
		return
	}
	if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
		t.Error(err)
	}
}

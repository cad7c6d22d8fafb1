package load_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A report that cannot be written does not keep the others from being, and leaves an earlier one as it was.
func TestReportsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	clew := binaries.Start(t)
	for name, test := range map[string]struct {
		shell  string // runs the load test
		json   string // its file, in the test's folder or not
		broken int    // reports
	}{
		"a disk that is full":            {`exec "$@"`, "/dev/full", 1},
		"files that may have half a KiB": {`ulimit -f 1; exec "$@"`, "run.json", 2},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			page := filepath.Join(folder, "run.html")
			if err := os.WriteFile(page, []byte("earlier"), 0o600); err != nil {
				t.Fatal(err)
			}
			run := clew.Loadtest("run", "--scenario=smoke", "--duration=1s", "--traces=0", "--html=run.html", "--json="+test.json)
			run.Args = append([]string{"sh", "-c", test.shell, "sh", run.Path}, run.Args[1:]...)
			run.Path = "/bin/sh"
			run.Dir = folder
			var stderr strings.Builder
			run.Stderr = &stderr
			stdout, err := run.Output()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := run.ProcessState.ExitCode(); code != 3 || !strings.Contains(string(stdout), "smoke: 20/s for 1s") ||
				strings.Count(stderr.String(), "\n") != test.broken || strings.Count(stderr.String(), "loadtest: write ") != test.broken {
				t.Errorf("exit code %d, want 3, the table, and a line for each of %d reports:\n%s%s", code, test.broken, stdout, stderr.String())
			}
			content, err := os.ReadFile(page)
			if earlier := string(content) == "earlier"; err != nil || earlier != (test.broken == 2) {
				t.Errorf("the page has %d bytes, error %v", len(content), err)
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
				t.Errorf("%v, error %v, want the page alone", left, err)
			}
		})
	}
}

package telemetrytest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGoldenAcceptsTheSameText(t *testing.T) {
	inGoldenFolder(t, "order: POST /orders [server]\n")
	fake := &fakeTest{TB: t}
	Golden(fake, "trace", "order: POST /orders [server]\n")
	if fake.failure != "" {
		t.Error(fake.failure)
	}
}

func TestGoldenShowsTheDifference(t *testing.T) {
	inGoldenFolder(t, "order: POST /orders [server]\n")
	fake := &fakeTest{TB: t}
	Golden(fake, "trace", "order: GET /orders [server]\n")
	for _, want := range []string{"trace.golden differs (-want +got)", "POST /orders", "GET /orders", "go test . -run '^TestGoldenShowsTheDifference$' -update"} {
		if !strings.Contains(fake.failure, want) {
			t.Errorf("the failure does not contain %q:\n%s", want, fake.failure)
		}
	}
}

func TestGoldenFailsWithoutAFile(t *testing.T) {
	setUpdate(t, false)
	t.Chdir(t.TempDir())
	fake := &fakeTest{TB: t}
	Golden(fake, "trace", "new")
	if !strings.Contains(fake.failure, "trace.golden is missing; to create it, run: go test . -run '^TestGoldenFailsWithoutAFile$' -update") {
		t.Errorf("failure: %s", fake.failure)
	}
}

func TestGoldenUpdates(t *testing.T) {
	t.Chdir(t.TempDir())
	setUpdate(t, true)
	Golden(t, "trace", "new")
	setUpdate(t, false)
	Golden(t, "trace", "new")
}

func inGoldenFolder(t *testing.T, content string) {
	t.Helper()
	setUpdate(t, false)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", "trace.golden"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// setUpdate sets the -update flag until the test ends.
func setUpdate(t *testing.T, to bool) {
	t.Helper()
	before := *update
	t.Cleanup(func() { *update = before })
	*update = to
}

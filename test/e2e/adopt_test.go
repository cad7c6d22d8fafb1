package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/clew/services/messaging/messagingtest"
)

// docs/adopt.md is followed as it stands, in an empty folder: its commands, and its program in main.go.
func TestAdopt(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(filepath.Join(root, "docs/adopt.md"))
	if err != nil {
		t.Fatal(err)
	}
	folder, output, redisURL := t.TempDir(), "", messagingtest.Redis(t)
	steps := regexp.MustCompile("(?ms)^(`main.go`:\n\n)?```(sh|go)\n(.*?)^```$").FindAllStringSubmatch(string(guide), -1)
	for _, step := range steps {
		file, language, text := step[1], step[2], step[3]
		switch {
		case file != "":
			if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		case language == "sh":
			command := exec.CommandContext(t.Context(), "sh", "-e", "-c", text)
			command.Dir = folder
			command.Env = append(os.Environ(), "CLEW="+root, "REDIS_URL="+redisURL, "GOFLAGS=-mod=mod", "GOWORK=off")
			out, err := command.CombinedOutput()
			if output += string(out); err != nil {
				t.Fatalf("%s: %v\n%s", text, err, out)
			}
		}
	}
	if want := "lit: desk delivery 1\n"; !strings.Contains(output, want) || !strings.Contains(string(guide), "`"+strings.TrimSpace(want)+"`") {
		t.Errorf("it printed, and the guide says otherwise:\n%s", output)
	}
}

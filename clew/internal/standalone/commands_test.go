package standalone

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	root "example.com/clew"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
)

var address = regexp.MustCompile(`(?:href|src)="([^"]*)"`)

// Every document is shown, with each of its pictures, and what it points to is a page or stands there by its path. (That it
// is on disk, test/repository checks.)
func TestThePageHasEveryDocument(t *testing.T) {
	handler, _ := newPage(t, "")
	get := func(path string) (int, string) {
		got := httpservertest.Ask(handler, http.MethodGet, "http://127.0.0.1"+path, "")
		return got.Code, got.Body.String()
	}
	documents, commands, pictures := 0, 0, 0
	err := fs.WalkDir(root.Documents, ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".md" {
			return err
		}
		documents++
		var shown struct {
			HTML     string
			Commands []struct{ Text string }
		}
		code, answer := get("/api/documents/" + file)
		if err := json.Unmarshal([]byte(answer), &shown); err != nil || code != http.StatusOK || !strings.Contains(shown.HTML, "<h1 ") {
			t.Errorf("%s: %d %v %.300s", file, code, err, answer)
		}
		commands += len(shown.Commands)
		for _, link := range address.FindAllStringSubmatch(shown.HTML, -1) {
			to, err := url.Parse(link[1])
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			path := to.Path
			switch {
			case to.Host != "" || path == "" && to.Fragment != "":
				continue
			case strings.HasPrefix(path, "/learn/"):
				path = "/api/documents/" + strings.TrimPrefix(path, "/learn/")
			case strings.HasPrefix(path, "/runbooks/"):
				path = "/api" + path
			case strings.HasPrefix(path, "/pictures/"):
				pictures++
			}
			if code, answer := get(path); code != http.StatusOK {
				t.Errorf("%s leads to %s: %d %.300s", file, link[1], code, answer)
			}
		}
		return nil
	})
	if err != nil || documents < 25 || commands < 15 || pictures < 8 {
		t.Errorf("%v; %d documents, %d commands and %d pictures were found", err, documents, commands, pictures)
	}
}

func TestWhichCommandsThePageRuns(t *testing.T) {
	for command, want := range map[string]bool{
		"clew order": true, "clew order --sku test-slow --count 48": true, "clew trace 01a1fce2-242c-7b2d": true, "clew lesson check 1": true,
		"clew dlq redrive --all": true, "clew logs inventory-1": true, "clew outbox replay --since=15m": true,

		"clew": false, "make up": false, "bin/clew order": false, "clew order > /dev/null &": false, "clew trace ID": false,
		"clew trace $(cat id)": false, "clew trace <id>": false, "clew order; reboot": false, "clew order | cat": false,
		"clew order \"a b\"": false, "clew order\nclew down": false, "clew up": false, "clew down": false, "clew reset": false,
		"clew listen order.created.v1": false, "clew logs -f": false, "clew logs --follow": false, "clew service order": false,
	} {
		if got := (ownCommands{}).Runs(command); got != want {
			t.Errorf("%s: %t, want %t", command, got, want)
		}
	}
}

// program is a shell script in the place of this program.
func program(t *testing.T, script string) ownCommands {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clew")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return ownCommands{t.Context(), path, "/the/state"}
}

func TestACommandIsRun(t *testing.T) {
	o := program(t, `echo "$@" in $CLEW_DIR, $COLUMNS columns; echo wrong >&2; exit 3`)
	output, status, err := o.Run(t.Context(), "clew order --sku lamp")
	if want := "order --sku lamp in /the/state, 80 columns\nwrong\n"; output != want || status != 3 || err != nil {
		t.Errorf("%q, %d, %v; want %q and 3", output, status, err, want)
	}
	if _, _, err := o.Run(t.Context(), "clew down"); err == nil {
		t.Error("it ran a command that does not fit")
	}
	if _, _, err := (ownCommands{t.Context(), "/nothing", "/"}).Run(t.Context(), "clew order"); err == nil {
		t.Error("a program that is not there ran")
	}
}

func TestACommandIsBounded(t *testing.T) {
	output, status, err := program(t, `while :; do echo 0123456789; done | head -c 1000000`).Run(t.Context(), "clew order")
	if end := "\n… only the first 64 KiB are shown\n"; len(output) != maxOutput+len(end) || !strings.HasSuffix(output, end) || status != 0 || err != nil {
		t.Errorf("%d bytes, %d, %v", len(output), status, err)
	}
	ended, end := context.WithTimeout(t.Context(), time.Millisecond)
	defer end()
	endless := program(t, "exec sleep 1000")
	if _, status, _ := endless.Run(ended, "clew order"); status != -1 {
		t.Errorf("when nobody waits for it any more: status %d, want -1", status)
	}
	endless.running = ended
	if _, status, _ := endless.Run(t.Context(), "clew order"); status != -1 {
		t.Errorf("when Clew ends: status %d, want -1", status)
	}
}

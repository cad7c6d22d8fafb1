package target

import (
	"strings"
	"testing"

	"example.com/clew/services/messaging"
)

const status = `{"mode": "standalone", "partitions": 2, "redis": {"url": "redis://127.0.0.1:20000/0"},
	"addresses": {"order": "http://127.0.0.1:8080", "viewer": "http://127.0.0.1:3000", "traces": "http://127.0.0.1:3200"}}`

func TestWhereMakeUpHasPutIt(t *testing.T) {
	t.Setenv("CLEW_DIR", t.TempDir())
	t.Setenv("CLEW_STATUS", "")
	if _, err := Find("", ""); err == nil || !strings.Contains(err.Error(), "make up") {
		t.Errorf("%v, want what to do", err)
	}
	if got, err := Find("http://10.0.0.1:8080/", "redis://10.0.0.1"); err != nil || got.Order != "http://10.0.0.1:8080" || got.Partitions != 1 {
		t.Errorf("%+v, %v, want what was given", got, err)
	}
	t.Setenv("CLEW_STATUS", status)
	got, err := Find("", "")
	if err != nil || got.Order != "http://127.0.0.1:8080" || got.Redis.URL != "redis://127.0.0.1:20000/0" || got.Partitions != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	t.Setenv("CLEW_STATUS", "{")
	if _, err := Find("", ""); err == nil || !strings.Contains(err.Error(), "CLEW_STATUS") {
		t.Errorf("%v, want the variable named", err)
	}
}

func TestTraceURL(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for mode, want := range map[string]string{ // as clew/state prints them, too
		"standalone": "http://127.0.0.1:3000/traces/" + id,
		"compose":    "http://127.0.0.1:3000/d/trace?var-id=" + id,
	} {
		got := Target{Mode: mode, viewer: "http://127.0.0.1:3000"}.TraceURL(id)
		if got != want || len(got) > 80 {
			t.Errorf("%s: %s of %d columns, want %s in 80 at most", mode, got, len(got), want)
		}
	}
	if got := (Target{Mode: "compose"}).TraceURL(id); got != "" {
		t.Errorf("%s, though nobody has said where traces are", got)
	}
	if got := (Target{Mode: "compose", viewer: "http://127.0.0.1:3000"}).TraceURL(""); got != "" {
		t.Errorf("%s, though there is no trace", got)
	}
}

func TestOnlyThisMachineAndPrivateNetworks(t *testing.T) {
	for address, refused := range map[string]string{
		"http://127.0.0.1:8080": "", "http://localhost:8080": "", "http://192.168.1.7": "", "http://10.1.2.3:8080": "", "http://[::1]:8080": "",
		"http://93.184.215.14": "--allow-remote", "http://100.64.0.1": "--allow-remote",
		"127.0.0.1:8080": "expected a URL", "http://": "expected a URL",
	} {
		target := Target{Order: address, Redis: messaging.Redis{URL: "redis://127.0.0.1:6379"}}
		err := target.Valid()
		if err == nil {
			err = target.Local(t.Context())
		}
		if (err == nil) != (refused == "") || err != nil && !strings.Contains(err.Error(), refused) {
			t.Errorf("%s: %v, want %q", address, err, refused)
		}
	}
	err := Target{Order: "http://127.0.0.1", Redis: messaging.Redis{URL: "redis://tools:secret@93.184.215.14"}}.Local(t.Context())
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v, want it refused without its password", err)
	}
}

func TestTheUserIsNotInTheAddress(t *testing.T) {
	t.Setenv("CLEW_STATUS", status)
	got, err := Find("http://tools:secret@127.0.0.1:8080/", "")
	if err != nil || got.Order != "http://127.0.0.1:8080" || got.User.String() != "tools:secret" {
		t.Errorf("%s as %s, error %v", got.Order, got.User, err)
	}
}

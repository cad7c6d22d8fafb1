// Package target finds the system to put under load, and refuses one that does not run or is not on this machine.
package target

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/loadtest/internal/load"
	"example.com/clew/services/messaging"
)

// Target is the system under load.
type Target struct {
	Mode       string        // standalone or compose; empty if addresses were given
	Order      string        // base URL of the order API, without the user
	User       *url.Userinfo // of the order API; nil if the URL names none
	Redis      messaging.Redis
	Partitions int    // of each stream
	OTLP       string // base URL for traces over HTTP; empty if unknown
	Metrics    string // host:port where its Prometheus looks for the load test's metrics; empty if unknown
	viewer     string // base URL of the viewer or Grafana
}

// Find returns the running system, as `make up` has recorded it: in CLEW_STATUS, or else in the file status.json of the folder
// CLEW_DIR, .clew by default. order and redis replace its addresses if they are not empty.
func Find(order, redis string) (Target, error) {
	t, err := read()
	if err != nil && (order == "" || redis == "") {
		return t, err
	}
	if order != "" || redis != "" {
		t.Mode = ""
	}
	if order != "" {
		t.Order = strings.TrimRight(order, "/")
	}
	if redis != "" {
		t.Redis = messaging.Redis{URL: redis}
	}
	t.Partitions = max(1, t.Partitions)
	// A password in the address would be on every span.
	if u, err := url.Parse(t.Order); err == nil && u.User != nil {
		t.User, u.User = u.User, nil
		t.Order = u.String()
	}
	return t, nil
}

func read() (t Target, err error) {
	text, where := []byte(os.Getenv("CLEW_STATUS")), "CLEW_STATUS"
	if len(text) == 0 {
		dir := os.Getenv("CLEW_DIR")
		if dir == "" {
			dir = ".clew"
		}
		where = filepath.Join(dir, "status.json")
		text, err = os.ReadFile(where)
		if errors.Is(err, fs.ErrNotExist) {
			return t, fmt.Errorf("nothing runs here (no %s): start it with `make up`, or say where it is with --order-url and --redis-url",
				where)
		}
		if err != nil {
			return t, fmt.Errorf("read what runs: %w", err)
		}
	}
	var status struct {
		Mode       string
		Partitions int
		Redis      messaging.Redis
		Addresses  struct {
			Order, Viewer string
			OTLPHTTP      string `json:"otlp_http"`
			LoadTest      string
		}
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return t, fmt.Errorf("read %s: %w", where, err)
	}
	return Target{
		Mode: status.Mode, Order: status.Addresses.Order, Redis: status.Redis, Partitions: status.Partitions,
		OTLP: status.Addresses.OTLPHTTP, Metrics: status.Addresses.LoadTest, viewer: status.Addresses.Viewer,
	}, nil
}

// TraceURL returns the address of a trace in the viewer or Grafana, or "" if neither is known. It fits in 80 columns.
func (t Target) TraceURL(id string) string {
	switch {
	case id == "" || t.viewer == "":
		return ""
	case t.Mode == "compose":
		return t.viewer + "/d/trace?var-id=" + id // grafana/trace/trace.json
	default:
		return t.viewer + "/traces/" + id
	}
}

// addresses are the URLs of what is put under load. The host in Redis's is of no account if Sentinel knows it.
func (t Target) addresses() []string {
	if len(t.Redis.Sentinels) == 0 {
		return []string{t.Order, t.Redis.URL}
	}
	all := []string{t.Order}
	for _, sentinel := range t.Redis.Sentinels {
		all = append(all, "redis://"+sentinel)
	}
	return all
}

// Valid returns an error unless the addresses are some.
func (t Target) Valid() error {
	for _, address := range t.addresses() {
		if u, err := url.Parse(address); err != nil || u.Host == "" && u.Scheme != "unix" {
			return fmt.Errorf("%q is no address, expected a URL such as http://127.0.0.1:8080 or redis://127.0.0.1:6379/0", redacted(address))
		}
	}
	return nil
}

// Local returns an error unless the addresses are of this machine or of a private network: names are looked up. Load on
// somebody else's system is an attack.
func (t Target) Local(ctx context.Context) error {
	for _, address := range t.addresses() {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		if u.Scheme == "unix" {
			continue
		}
		ips, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
		if err != nil {
			return fmt.Errorf("find %s: %w", u.Hostname(), err)
		}
		for _, ip := range ips {
			if !ip.IP.IsLoopback() && !ip.IP.IsPrivate() && !ip.IP.IsLinkLocalUnicast() {
				return fmt.Errorf("%s is not on this machine or in a private network: --allow-remote puts load on it all the same", u.Host)
			}
		}
	}
	return nil
}

// redacted leaves out a password.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "…"
	}
	return u.Redacted()
}

// Listens returns an error unless something listens at the order API's address, even if it is too busy to answer. It takes at
// most 1 s.
func (t Target) Listens(ctx context.Context) error {
	u, err := url.Parse(t.Order)
	if err != nil {
		return fmt.Errorf("%q is no address: %w", t.Order, err)
	}
	port := cmp.Or(u.Port(), u.Scheme) // a scheme is the name of its port
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("the order API is away: %w", err)
	}
	return conn.Close()
}

// Reachable returns an error unless the order API answers and Redis has the stream of orders with a group that reads it.
// It takes at most 5 s.
func (t Target) Reachable(ctx context.Context, client redis.UniversalClient) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Order+"/orders?limit=1", nil)
	if err != nil {
		return fmt.Errorf("ask the order API: %w", err)
	}
	load.Authorize(request, t.User)
	asking := load.NewClient(0)
	defer asking.CloseIdleConnections()
	response, err := asking.Do(request)
	if err != nil {
		return fmt.Errorf("the order API does not answer, is it running? %w", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s, expected 200: is it the order API, and is it ready?", request.URL, response.Status)
	}
	for partition := range t.Partitions {
		key := fmt.Sprintf("orders:{%d}", partition)
		groups, err := client.XInfoGroups(ctx, key).Result()
		switch {
		case err != nil && strings.Contains(err.Error(), "no such key"):
			return fmt.Errorf("%s is not in Redis, expected the stream of orders: is it the Redis of this order API, with so many partitions?",
				key)
		case err != nil:
			return fmt.Errorf("ask Redis who reads %s, is it running? %w", key, err)
		case len(groups) == 0:
			return fmt.Errorf("nobody reads %s: is the inventory service running?", key)
		}
	}
	return nil
}

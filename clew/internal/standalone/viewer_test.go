package standalone

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	root "example.com/clew"
	"example.com/clew/clew/internal/streamsapi"
	"example.com/clew/observability/telemetry/httpserver/httpservertest"
	"example.com/clew/observability/viewer"
	"example.com/clew/observability/viewer/page"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

const someToken = "some-token"

// newPage is the viewer as clew up serves it, with the order API of a test.
func newPage(t *testing.T, orders string) (http.Handler, redis.UniversalClient) {
	client := messagingtest.Client(t, messagingtest.Redis(t))
	v := viewer.New(viewer.Config{Page: func(v *viewer.Viewer) http.Handler {
		streams := streamsapi.New(client, 1, time.Second, v.TracerProvider())
		return page.New(page.Config{
			Viewer: v, Orders: orders, Journey: journey, Streams: streams, Questions: streams.Questions(), Acts: streams.Acts(), Token: someToken,
			Dashboards: within(root.Dashboards, "grafana/dashboards"), Runbooks: within(root.Runbooks, "observability/runbooks"),
			Documents: root.Documents, Repository: os.DirFS(repository), Terminal: ownCommands{t.Context(), "/nothing", t.TempDir()},
		})
	}})
	return protect(nil)(v.Handler()), client
}

// Whoever is on another page, or comes under another name, changes nothing and reads nothing.
func TestThePageIsForItsOwnOriginOnly(t *testing.T) {
	asked := 0
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer api.Close()
	handler, client := newPage(t, api.URL)
	key := messaging.StreamKey(contracts.Orders{}.Name(), 0)
	client.XGroupCreateMkStream(t.Context(), key, "inventory", "0")
	dead := client.XAdd(t.Context(), &redis.XAddArgs{Stream: key + ":dlq", Values: []string{"dlqgroup", "inventory"}}).Val()
	redrive := "/api/dead-letters/orders/0/" + dead + "/redrive"
	discard := "/api/dead-letters/orders/0/" + dead + "/discard"
	const here, rebound = "http://127.0.0.1:3000", "http://evil.example:3000"
	bearer := []string{"Authorization", "Bearer " + someToken}

	for name, test := range map[string]struct {
		method, url string
		headers     []string
		status      int
	}{
		"read under another name":       {http.MethodGet, rebound + "/api/dead-letters", nil, http.StatusMisdirectedRequest},
		"the page under another name":   {http.MethodGet, rebound + "/", nil, http.StatusMisdirectedRequest},
		"traces under another name":     {http.MethodGet, rebound + "/api/search", nil, http.StatusMisdirectedRequest},
		"changes under another name":    {http.MethodGet, rebound + "/api/changes", nil, http.StatusMisdirectedRequest},
		"redrive under another name":    {http.MethodPost, rebound + redrive, bearer, http.StatusMisdirectedRequest},
		"order from another origin":     {http.MethodPost, here + "/api/orders", []string{"Origin", "http://evil.example"}, http.StatusForbidden},
		"order from another port":       {http.MethodPost, here + "/api/orders", []string{"Origin", "http://127.0.0.1:3001"}, http.StatusForbidden},
		"order from another site":       {http.MethodPost, here + "/api/orders", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"redrive from another origin":   {http.MethodPost, here + redrive, append(bearer, "Origin", "null"), http.StatusForbidden},
		"discard from another origin":   {http.MethodPost, here + discard, append(bearer, "Origin", "http://evil.example"), http.StatusForbidden},
		"redrive without the token":     {http.MethodPost, here + redrive, []string{"Origin", here}, http.StatusUnauthorized},
		"discard with another token":    {http.MethodPost, here + discard, []string{"Authorization", "Bearer x"}, http.StatusUnauthorized},
		"a preflight of another origin": {http.MethodOptions, here + redrive, []string{"Origin", "http://evil.example"}, http.StatusNotFound},
		"a search by another site":      {http.MethodGet, here + "/api/search", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"a link to the page": {
			http.MethodGet, here + "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, http.StatusOK,
		},
		"what another origin may not see": {http.MethodGet, here + "/api/dead-letters", []string{"Origin", "http://evil.example"}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			got := httpservertest.Ask(handler, test.method, test.url, "{}", test.headers...)
			if got.Code != test.status {
				t.Errorf("%d %s, want %d", got.Code, got.Body, test.status)
			}
			for header := range got.Header() {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("the answer has %s: the browser would let another origin read it", header)
				}
			}
		})
	}
	if messages, letters := client.XLen(t.Context(), key).Val(), client.XLen(t.Context(), key+":dlq").Val(); asked != 0 || messages != 0 || letters != 1 {
		t.Errorf("%d orders, %d messages, %d dead letters; want nothing changed", asked, messages, letters)
	}

	if got := httpservertest.Ask(handler, http.MethodPost, here+"/api/orders", "{}", "Origin", here, "Sec-Fetch-Site", "same-origin"); asked != 1 {
		t.Errorf("an order of the page itself: %d %s", got.Code, got.Body)
	}
	if got := httpservertest.Ask(handler, http.MethodPost, here+redrive, "{}", append(bearer, "Origin", here)...); got.Code != http.StatusOK {
		t.Errorf("a redrive of the page itself: %d %s", got.Code, got.Body)
	}
}

func TestThePageHasEveryDefinition(t *testing.T) {
	handler, _ := newPage(t, "")
	var dashboards struct{ Items []struct{ UID string } }
	if err := json.Unmarshal(httpservertest.Ask(handler, http.MethodGet, "http://127.0.0.1/api/dashboards", "").Body.Bytes(), &dashboards); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(os.DirFS(filepath.Join(repository, "grafana/dashboards")), "*.json")
	if err != nil || len(files) == 0 || len(dashboards.Items) != len(files) || dashboards.Items[0].UID != "clew-overview" {
		t.Errorf("%v of %d files, %v; want all, the overview first", dashboards.Items, len(files), err)
	}
	runbooks, err := fs.Glob(os.DirFS(filepath.Join(repository, "observability/runbooks")), "*.md")
	if err != nil || len(runbooks) == 0 {
		t.Fatal(runbooks, err)
	}
	for _, file := range runbooks {
		got := httpservertest.Ask(handler, http.MethodGet, "http://127.0.0.1/api/runbooks/"+strings.TrimSuffix(file, ".md"), "")
		if got.Code != http.StatusOK {
			t.Errorf("%s: %d %s", file, got.Code, got.Body)
		}
	}
}

// The page offers each test SKU, and says of it what README does.
func TestThePageOffersEveryTestSKU(t *testing.T) {
	handler, _ := newPage(t, "")
	var skus struct {
		Items []struct{ SKU, Teaches string }
	}
	if err := json.Unmarshal(httpservertest.Ask(handler, http.MethodGet, "http://127.0.0.1/api/skus", "").Body.Bytes(), &skus); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	teaches := map[string]string{}
	for _, item := range skus.Items {
		teaches[item.SKU] = item.Teaches
	}
	for _, sku := range []string{
		contracts.TestSlow, contracts.TestFlaky, contracts.TestPoison, contracts.TestInvalid, contracts.TestCrash, contracts.TestCrashLoop,
		contracts.TestOutOfStock,
	} {
		does, _, _ := strings.Cut(teaches[sku], ": ")
		if !strings.Contains(string(readme), "| `"+sku+"` | "+does+" | ") {
			t.Errorf("%s: %q is not README's", sku, teaches[sku])
		}
	}
}

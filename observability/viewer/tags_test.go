package viewer

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestADataSourceIsThere(t *testing.T) {
	v := New(Config{})
	if got := get(v, "/api/echo"); got.Code != http.StatusOK || got.Body.String() != "echo" {
		t.Errorf("echo: %d %s", got.Code, got.Body)
	}
	if got := read[map[string]string](t, v, "/api/status/buildinfo"); got["version"] != "3.0.3" {
		t.Errorf("%v", got)
	}
}

func TestTagsAreSuggested(t *testing.T) {
	v := New(Config{})
	span := about("o-1", newSpan(1, 1, 1))
	mustAdd(t, v.store, batch("order", span, newSpan(1, 2, 1)))
	mustAdd(t, v.store, batch("inventory", newSpan(2, 1, 1)))

	type scope struct {
		Name string
		Tags []string
	}
	type answer struct{ Scopes []scope }
	resource := scope{"resource", []string{"service.name"}}
	want := []scope{
		resource, {"span", []string{"messaging.message.conversation_id", "messaging.system"}},
		{"intrinsic", []string{"duration", "kind", "name", "rootName", "rootServiceName", "status", "traceDuration"}},
	}
	if diff := cmp.Diff(want, read[answer](t, v, "/api/v2/search/tags").Scopes); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]scope{resource}, read[answer](t, v, "/api/v2/search/tags?scope=resource").Scopes); diff != "" {
		t.Errorf("of the resource (-want +got):\n%s", diff)
	}

	type values struct {
		TagValues []struct{ Type, Value string }
	}
	for tag, want := range map[string][]struct{ Type, Value string }{
		"resource.service.name":  {{"string", "inventory"}, {"string", "order"}},
		".messaging.system":      {{"string", "redis_streams"}},
		"name":                   {{"string", "span 1"}, {"string", "span 2"}},
		"kind":                   {{"keyword", "server"}},
		"duration":               {{"int", "1000000000"}},
		".nothing":               {},
		"rootName":               {},
		"span.messaging.nothing": {},
	} {
		if diff := cmp.Diff(want, read[values](t, v, "/api/v2/search/tag/"+tag+"/values").TagValues); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tag, diff)
		}
	}
	if got := get(v, "/api/v2/search/tag/nonsense%20here/values"); got.Code != http.StatusBadRequest {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

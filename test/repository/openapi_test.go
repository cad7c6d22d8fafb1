package repository_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The APIs' documents have what the recommended rules of OpenAPI linters ask for, so that whoever generates a client or a page
// from them gets no warning. The documents are those that the services serve: their own tests see to it.
func TestOpenAPIDocumentsAreComplete(t *testing.T) {
	for _, service := range []string{"order", "inventory"} {
		text, err := os.ReadFile(filepath.Join(repository, "services", service, "internal/httpapi/testdata/openapi.golden"))
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			Info struct {
				Description    string
				Contact        struct{ Name string }
				License        struct{ Name, Identifier string }
				Title, Version string
			}
			Servers    []struct{ URL string }
			Tags       []struct{ Name, Description string }
			Components struct {
				SecuritySchemes map[string]struct{ Type, Scheme string }
			}
			Paths map[string]map[string]struct {
				OperationID, Summary, Description string
				Tags                              []string
				Security                          *[]map[string][]string
				Responses                         map[string]struct{ Description string }
			}
		}
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		want := func(there bool, format string, args ...any) {
			if !there {
				t.Errorf("the document of %s has no %s", service, fmt.Sprintf(format, args...))
			}
		}
		info := document.Info
		want(info.Title != "" && info.Version != "" && info.Description != "", "title, version and description")
		want(info.Contact.Name != "", "contact")
		want(info.License.Name != "" && info.License.Identifier == "Apache-2.0", "license: that of LICENSE")
		want(len(document.Servers) == 1 && document.Servers[0].URL == "/", "server /")
		defined, used := map[string]bool{}, map[string]bool{}
		for _, tag := range document.Tags {
			defined[tag.Name] = true
			want(tag.Description != "", "description of the tag %s", tag.Name)
		}
		want(len(document.Paths) > 0, "paths")
		for path, operations := range document.Paths {
			for method, op := range operations {
				name := method + " " + path
				want(op.OperationID != "" && op.Summary != "" && op.Description != "", "operationId, summary and description of %s", name)
				want(len(op.Tags) > 0, "tag of %s", name)
				for _, tag := range op.Tags {
					used[tag] = true
					want(defined[tag], "definition of the tag %s of %s", tag, name)
				}
				want(op.Security != nil, "security of %s: none is said with an empty list", name)
				_, refuses := op.Responses["401"]
				want(op.Security == nil || refuses == (len(*op.Security) > 0), "401 of %s, or a token that it needs", name)
				if op.Security != nil {
					for _, needed := range *op.Security {
						for scheme := range needed {
							want(document.Components.SecuritySchemes[scheme].Scheme == "bearer", "security scheme %s, which %s needs", scheme, name)
						}
					}
				}
			}
		}
		for tag := range defined {
			want(used[tag], "operation with the tag %s", tag)
		}
	}
}

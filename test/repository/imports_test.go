package repository_test

import (
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var arrow = regexp.MustCompile(`(?m)^    (\w+) --> (\w+)$`)

// README draws which modules import which. Each arrow leads down, and is in the code; and each import is in the drawing.
func TestTheDrawingOfImportsIsTrue(t *testing.T) {
	drawn := map[string]bool{}
	var order []string // of the drawing, from its top
	for _, edge := range arrow.FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		from, to := edge[1], edge[2]
		drawn[from+" --> "+to] = true
		if !slices.Contains(order, from) {
			order = append(order, from)
		}
	}
	for edge := range drawn {
		from, to, _ := strings.Cut(edge, " --> ")
		if i := slices.Index(order, to); i >= 0 && i <= slices.Index(order, from) {
			t.Errorf("%s leads back up", edge)
		}
	}

	imported := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(repository, "*", "go.mod"))
	below, errBelow := filepath.Glob(filepath.Join(repository, "*", "*", "go.mod"))
	if err != nil || errBelow != nil || len(files)+len(below) < 10 {
		t.Fatalf("modules %q and %q: %v, %v", files, below, err, errBelow)
	}
	modules := map[string]string{} // their names by the start of their packages' paths
	for _, file := range append(files, below...) {
		folder, err := filepath.Rel(repository, filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		modules["example.com/clew/"+filepath.ToSlash(folder)] = filepath.Base(folder)
	}
	for prefix, name := range modules {
		list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, prefix+"/...")
		list.Dir = repository
		out, err := list.Output()
		if err != nil {
			t.Fatalf("%s: %v", prefix, err)
		}
		for pkg := range strings.FieldsSeq(string(out)) {
			for ; pkg != "." && modules[pkg] == ""; pkg = path.Dir(pkg) {
				continue
			}
			if other := modules[pkg]; other != "" && other != name {
				imported[name+" --> "+other] = true
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(imported)), slices.Sorted(maps.Keys(drawn))); diff != "" {
		t.Errorf("imports (-in the code +in the drawing):\n%s", diff)
	}
}

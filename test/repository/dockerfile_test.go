package repository_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// services/Dockerfile, without Docker: what it copies is copied to an empty folder, what it runs is run there, and the
// program is run as the image would run it.

// A stage of the Dockerfile: what it starts from, and its instructions.
type stage struct {
	from         string
	instructions [][2]string // name and the rest
}

// stages reads the Dockerfile with these arguments, and its defaults for others. The last stage has no name.
func stages(t *testing.T, arguments map[string]string) map[string]stage {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "services/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	all, name := map[string]stage{}, ""
	arguments = maps.Clone(arguments)
	for line := range strings.Lines(joined) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		if instruction == "" || strings.HasPrefix(instruction, "#") {
			continue
		}
		if argument, value, _ := strings.Cut(rest, "="); instruction == "ARG" && len(all) == 0 && arguments[argument] == "" {
			arguments[argument] = value
		}
		if instruction == "FROM" {
			image, as, _ := strings.Cut(rest, " AS ")
			fields := strings.Fields(os.Expand(image, func(v string) string { return arguments[v] }))
			name = as
			all[name] = stage{from: fields[len(fields)-1]}
			continue
		}
		if len(all) == 0 {
			continue
		}
		s := all[name]
		s.instructions = append(s.instructions, [2]string{instruction, rest})
		all[name] = s
	}
	return all
}

// chain are the instructions of a stage and of all that it starts from, the first first, and the image below.
func chain(all map[string]stage, name string) (instructions [][2]string, image string) {
	s, found := all[name]
	if !found {
		return nil, name
	}
	before, image := chain(all, s.from)
	return slices.Concat(before, s.instructions), image
}

// flags are what COPY and RUN take first, such as --mount=….
var flags = regexp.MustCompile(`^(--\S+\s+)+`)

// ignored tells what .dockerignore keeps out of the context.
func ignored(t *testing.T) *patternmatcher.PatternMatcher {
	t.Helper()
	file, err := os.Open(filepath.Join(repository, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return matcher
}

// copyContext copies what `COPY from to` does from the context, and fails the test if that is nothing.
func copyContext(t *testing.T, ignore *patternmatcher.PatternMatcher, from, to string) {
	t.Helper()
	copied := 0
	err := filepath.WalkDir(filepath.Join(repository, from), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(repository, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if relative == ".git" || relative == ".clew" || relative == "bin" { // large, and not in the context
				return fs.SkipDir
			}
			return nil
		}
		out, err := ignore.MatchesOrParentMatches(relative)
		if err != nil || out {
			return err
		}
		within, err := filepath.Rel(filepath.Join(repository, from), path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, within)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		copied++
		return errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, content, 0o644))
	})
	if err != nil || copied == 0 {
		t.Fatalf("COPY %s: %d files, error %v", from, copied, err)
	}
}

// build runs the stage build for a program, and returns the program's path.
func build(t *testing.T, module, program string) string {
	t.Helper()
	arguments := map[string]string{"MODULE": module, "CMD": program, "TARGETOS": "linux", "TARGETARCH": "amd64"}
	instructions, image := chain(stages(t, arguments), "build")
	if image != "golang:1.26-bookworm" {
		t.Errorf("it builds in %s", image)
	}
	source, out := t.TempDir(), t.TempDir()
	ignore := ignored(t)
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GO") && !strings.HasPrefix(v, "GOPROXY=") })
	for name, value := range arguments {
		env = append(env, name+"="+value)
	}
	for _, instruction := range instructions {
		rest := flags.ReplaceAllString(instruction[1], "")
		switch instruction[0] {
		case "WORKDIR", "ARG":
		case "ENV":
			env = append(env, strings.Fields(rest)...)
		case "COPY":
			paths := strings.Fields(rest)
			to := filepath.Join(source, paths[len(paths)-1])
			for _, from := range paths[:len(paths)-1] {
				target := to
				if strings.HasSuffix(from, "go.mod") || strings.HasSuffix(from, "go.sum") { // a file goes into the folder
					target = filepath.Join(to, filepath.Base(from))
				}
				copyContext(t, ignore, from, target)
			}
		case "RUN":
			command := exec.Command("sh", "-euc", strings.ReplaceAll(rest, "/out/", out+"/"))
			command.Dir, command.Env = source, env
			if output, err := command.CombinedOutput(); err != nil {
				t.Fatalf("RUN %s: %v\n%s", rest, err, output)
			}
		default:
			t.Fatalf("this test cannot do %s", instruction[0])
		}
	}
	return filepath.Join(out, "app")
}

var programs = []struct{ module, name string }{
	{"services/order", "order"}, {"services/inventory", "inventory"}, {"clew", "clew"}, {"loadtest", "loadtest"},
}

func TestTheImagesAreBuiltFromWhatTheyCopy(t *testing.T) {
	for _, program := range programs {
		t.Run(program.name, func(t *testing.T) {
			app := build(t, program.module, program.name)
			file, err := elf.Open(app)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
				t.Error("it is not static: distroless has no loader")
			}
			text, err := os.ReadFile(app)
			if err != nil {
				t.Fatal(err)
			}
			if root, _ := filepath.Abs(repository); bytes.Contains(text, []byte(root+"/")) || bytes.Contains(text, []byte("/tmp/TestTheImages")) {
				t.Error("it holds the path of where it was built")
			}
			asInTheImage(t, app, program.name)
		})
	}
}

// asInTheImage runs a program as somebody else, in an empty folder, without environment.
func asInTheImage(t *testing.T, app, name string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "image") //nolint:usetesting // the other user may not enter those of the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	moved := filepath.Join(dir, "app")
	empty := filepath.Join(dir, "empty")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(empty, 0o555), os.Rename(app, moved)); err != nil {
		t.Fatal(err)
	}
	services := map[string][]string{
		"order":     {"order: REDIS_URL is not set, expected ", "order: DATABASE_URL is not set, expected "},
		"inventory": {"inventory: REDIS_URL is not set, expected ", "inventory: DATABASE_URL is not set, expected "},
	}
	type run struct {
		arguments string
		env       []string
		status    int
		says      []string
	}
	runs := []run{{"status", nil, 3, []string{"Clew is not running here"}}}
	if name == "loadtest" {
		runs = []run{{"run", nil, 3, []string{"nothing runs here"}}, {"scenarios", nil, 0, []string{"steady"}}}
	}
	if says := services[name]; says != nil {
		told := []string{"REDIS_URL=redis://redis", "DATABASE_URL=postgres://postgres", "ADMIN_ADDR=0.0.0.0:1"}
		runs = []run{{"", nil, 1, says}, {"healthcheck", nil, 1, says}, {"healthcheck", told, 1, []string{"connection refused"}}}
	}
	for _, r := range runs {
		command := exec.Command(moved, strings.Fields(r.arguments)...)
		command.Dir, command.Env = empty, append([]string{}, r.env...)
		if os.Getuid() == 0 {
			command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		}
		output, err := command.CombinedOutput()
		if command.ProcessState.ExitCode() != r.status {
			t.Errorf("%s %s: %v, want exit code %d\n%s", name, r.arguments, err, r.status, output)
		}
		for _, part := range r.says {
			if !strings.Contains(string(output), part) {
				t.Errorf("%s %s says %q, want %q", name, r.arguments, output, part)
			}
		}
	}
}

// The layer with other people's code is made again only if the go.mod of the module changes, or of one of ours that it
// needs: no source is copied before, and no go.mod of another module.
func TestTheDependencyLayerIsOfTheNeededModulesOnly(t *testing.T) {
	for _, program := range programs {
		instructions, _ := chain(stages(t, map[string]string{"CMD": program.name}), program.name)
		download := slices.IndexFunc(instructions, func(i [2]string) bool { return strings.Contains(i[1], "go mod download") })
		if download < 0 {
			t.Fatalf("%s: nothing is downloaded before the sources are copied", program.name)
		}
		var got []string
		for _, i := range instructions[:download] {
			paths := strings.Fields(i[1])
			if i[0] == "COPY" {
				got = append(got, paths[:len(paths)-1]...)
			}
		}
		var want []string
		for _, folder := range append(replaced(t, program.module), program.module) {
			for _, file := range []string{"go.mod", "go.sum"} {
				path := filepath.Join(folder, file)
				if _, err := os.Stat(filepath.Join(repository, path)); err == nil {
					want = append(want, path)
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-needed +copied):\n%s", program.name, diff)
		}
	}
}

// replaced are the folders of the modules that a module needs of ours: its go.mod names them all.
func replaced(t *testing.T, module string) (folders []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, module, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`example\.com/clew\S* => (\S+)`).FindAllStringSubmatch(string(text), -1) {
		folders = append(folders, filepath.Join(module, match[1]))
	}
	return folders
}

func TestTheImageIsSmallAndNotRoots(t *testing.T) {
	instructions, image := chain(stages(t, map[string]string{"CMD": "order"}), "")
	want := [][2]string{{"COPY", "--from=build /out/app /app"}, {"USER", "65532:65532"}, {"ENTRYPOINT", `["/app"]`}}
	if diff := cmp.Diff(want, instructions); diff != "" || image != "gcr.io/distroless/static-debian12:nonroot" {
		t.Errorf("from %s (-want +got):\n%s", image, diff)
	}
}

// Secrets, data and what Git knows stay out of the context.
func TestTheContextHoldsNoSecrets(t *testing.T) {
	ignore := ignored(t)
	for _, path := range []string{".env", ".clew/token", ".git/config", "bin/clew", "clew/cmd/clew/main_test.go", "test/go.mod", "go.work", "Makefile"} {
		if out, err := ignore.MatchesOrParentMatches(path); err != nil || !out {
			t.Errorf("%s is in the context: %v", path, err)
		}
	}
}

package messaging_test

import (
	"os/exec"
	"strings"
	"testing"
)

// What the compiler must find, because nothing later would: an event decodes on any stream, and as any event of the same
// form.
func TestMisuseDoesNotCompile(t *testing.T) {
	for program, want := range map[string]string{
		"right":         "",
		"wrong_stream":  "messaging.Handler[lamps.Lamps] of messaging.On(lit) does not match inferred type messaging.Handler[lamps.Switches]",
		"wrong_event":   "lamps.Lit does not implement",
		"wrong_handler": "E (type string) does not satisfy messaging.Event[S]",
	} {
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", "/dev/null", "./testdata/misuse/"+program).CombinedOutput()
		if (err == nil) != (want == "") || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, want %q\n%s", program, err, want, out)
		}
	}
}

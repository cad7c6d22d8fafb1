package terminal

import (
	"errors"
	"strings"
	"testing"
)

func TestValuesAreCleanedAndTheFormatIsNot(t *testing.T) {
	const hostile = "\x1b]0;x\a\r\n\u202e\u009b2J\x7fé\u00a0→"
	var out strings.Builder
	Printf(&out, "%s\t%d\n", hostile, 7)
	Error(&out, errors.Join(errors.New("one\x1b"), errors.New("two")))
	if got, want := out.String(), "?]0;x?????2J?é\u00a0→\t7\nloadtest: one?\nloadtest: two\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

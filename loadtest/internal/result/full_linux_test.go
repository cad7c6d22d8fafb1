package result_test

import (
	"testing"

	"example.com/clew/loadtest/internal/result"
)

func TestADiskThatIsFull(t *testing.T) {
	err := result.Result{}.Write("/dev/full")
	if want := "write /dev/full: no space left on device"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

package failover

import (
	"os"
	"testing"

	"example.com/clew/test/internal/clewtest"
)

var binaries clewtest.Binaries

func TestMain(m *testing.M) { os.Exit(clewtest.BuildAndRun(&binaries, m.Run)) }

package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/clew/clew/state"
)

// actVariable makes this test binary act as one of the processes below.
const actVariable = "SUPERVISE_TEST_ACT"

func TestMain(m *testing.M) {
	switch os.Getenv(actVariable) {
	case "":
		goleak.VerifyTestMain(m)
	case "child": // says its name, ends when asked
		Lifeline()
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Println("child", os.Getpid())
		<-asked
		fmt.Println("asked to stop")
	case "stubborn": // will not be asked
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("child", os.Getpid())
		time.Sleep(time.Hour)
	case "parent": // starts a process that knows nothing of lifelines
		Lifeline()
		sleep := exec.Command("sleep", "3600")
		if err := sleep.Start(); err != nil {
			panic(err)
		}
		fmt.Println("child", sleep.Process.Pid)
		time.Sleep(time.Hour)
	case "misconfigured":
		fmt.Println("DATABASE_URL is missing")
		os.Exit(1)
	case "supervisor": // has a child of each kind
		s, err := New(Options{Say: func(string) {}, Changed: func([]state.Process) {}})
		if err != nil {
			panic(err)
		}
		s.Start(child("child", os.Args[1]))
		s.Start(tied(os.Args[1], "echo child $$; exec sleep 3600"))
		time.Sleep(time.Hour)
	}
}

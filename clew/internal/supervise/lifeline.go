package supervise

import (
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"
)

// lifelineVariable holds the number of the descriptor a child inherited.
const lifelineVariable = "CLEW_LIFELINE"

// pipe is the lifeline. Only the supervisor holds the end to write to, and
// never writes: so the children, which hold the other, read the end of the
// file when the supervisor is gone, however it went.
type pipe struct{ read, write *os.File }

func newPipe() (pipe, error) {
	read, write, err := os.Pipe()
	return pipe{read, write}, err
}

func (p pipe) close() error { return errors.Join(p.read.Close(), p.write.Close()) }

// Tied returns the arguments that run a program which knows nothing of lifelines, such as redis-server, so that it ends
// with its supervisor all the same. It is the process that is started, under its own pid: a shell becomes the program,
// and leaves a small one behind that watches the lifeline.
func Tied(args ...string) []string {
	const script = `(read _ <&3; kill -9 $$) & exec "$@" 3<&-`
	return append([]string{"/bin/sh", "-c", script, "sh"}, args...)
}

// Lifeline ends this process, and what it has started, as soon as its
// supervisor is gone. A child calls it first; in a process without a
// supervisor it does nothing. It ends without ceremony: a supervisor that was
// killed is a crash, and nobody is left to wait for an orderly end.
func Lifeline() {
	fd, err := strconv.Atoi(os.Getenv(lifelineVariable))
	if err != nil {
		return
	}
	_ = os.Unsetenv(lifelineVariable)
	syscall.CloseOnExec(fd)
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(uintptr(fd), "lifeline"))
		_ = syscall.Kill(-os.Getpid(), syscall.SIGKILL)
		os.Exit(1)
	}()
}

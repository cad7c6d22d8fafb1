//go:build kubernetes

package kubernetes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// The folder of what the cluster writes, for this program when it runs on the cluster's machine.
const folderVariable = "CLEW_TEST_KUBERNETES"

// TestMain makes the programs and images, and then runs the tests in the same program, started again on a machine of its own.
func TestMain(m *testing.M) {
	var code int
	var err error
	if dir := os.Getenv(folderVariable); dir != "" {
		code, err = withCluster(dir, m.Run)
	} else {
		code, err = onMachine()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func onMachine() (code int, err error) {
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		return 0, errors.New("only root on Linux can start a cluster of its own")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return 0, err
	}
	cache = filepath.Join(cache, "clew-kubernetes")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return 0, err
	}
	lock, err := os.Create(filepath.Join(cache, "lock"))
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return 0, errors.New("make test-kubernetes runs already: wait until it ends")
	}
	fmt.Println("The first time this compiles Kubernetes, KEDA and stand-ins for images: 45 minutes on two cores, 3 GB in", cache,
		"and 15 GB in clew-containers beside it. After that the cluster is there within a minute.")
	if err := errors.Join(buildPrograms(cache), saveImages(cache)); err != nil {
		return 0, err
	}
	dir := filepath.Join(os.TempDir(), "clew-kubernetes") // short, as a socket's path must be
	clear := func() error {
		removeCgroups()
		return os.RemoveAll(dir)
	}
	if err := errors.Join(clear(), os.Mkdir(dir, 0o700)); err != nil { // a run that was killed left files and groups, and nothing else
		return 0, err
	}
	defer func() { _ = clear() }()
	for name, target := range map[string]string{"bin": filepath.Join(cache, "bin"), "images.tar": filepath.Join(cache, "images.tar")} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return 0, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	machine := exec.Command("./machine.sh", append([]string{dir, self}, os.Args[1:]...)...)
	machine.Env = append(os.Environ(), folderVariable+"="+dir)
	machine.Stdout, machine.Stderr = os.Stdout, os.Stderr
	machine.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL, // of its first process, which ends all of them
		Setpgid:    true,            // ctrl-C is for this process
	}
	runtime.LockOSThread() // the parent whose death is meant is a thread
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	if err := machine.Start(); err != nil {
		return 0, err
	}
	go func() {
		<-interrupted
		_ = machine.Process.Kill()
	}()
	err = machine.Wait()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		return 1, nil // it has said why
	}
	return 0, err
}

// removeCgroups removes those of containers, which end with their processes, but for their folders.
func removeCgroups() {
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasSuffix(path, cgroups) {
			_ = exec.Command("find", path, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run()
			return fs.SkipDir
		}
		return nil
	})
}

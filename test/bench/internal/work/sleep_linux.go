package work

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep is more precise than time.Sleep, whose timers the Go runtime polls in whole milliseconds.
func sleep(d time.Duration) {
	wait := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &wait, nil) // woken early by a signal, the caller spins
}

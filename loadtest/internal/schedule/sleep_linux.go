package schedule

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep is more precise than time.Sleep, whose timers the Go runtime polls in whole milliseconds. The kernel wakes a
// thread up to its timer slack late, 50 µs by default. The new slack stays with the thread, and makes later sleeps on it more
// precise, too.
func sleep(d time.Duration) {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // in nanoseconds; where it is refused, sleeps are less precise
	wait := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &wait, nil) // woken early by a signal, the caller sleeps again
}

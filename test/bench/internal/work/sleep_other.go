//go:build !linux

package work

import "time"

func sleep(d time.Duration) { time.Sleep(d) }

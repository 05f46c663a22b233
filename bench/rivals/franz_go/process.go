package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var started = time.Now()

// Nanoseconds of the monotonic clock since the start.
func monoNs() uint64 { return uint64(time.Since(started)) }

func sleepUntil(mono uint64) {
	if now := monoNs(); now < mono {
		time.Sleep(time.Duration(mono - now))
	}
}

func processUse() syscall.Rusage {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		fail(1, err.Error())
	}
	return use
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)*1e-6 }

func cpuSeconds() float64 {
	use := processUse()
	return seconds(use.Utime) + seconds(use.Stime)
}

// field: VmHWM or VmRSS.
func statusBytes(field string) uint64 {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if rest, found := strings.CutPrefix(line, field+":"); found {
			kib, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return kib * 1024
		}
	}
	return 0
}

func allocations() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

// franz-go under the contract of bench/harness: same values, same modes, one JSON line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

const tickNs = 1_000_000

type report map[string]any

func (r report) print() {
	line, err := json.Marshal(r)
	if err != nil {
		fail(1, err.Error())
	}
	fmt.Println(string(line))
}

func (r report) addMemory(when string) {
	r["rss_"+when] = statusBytes("VmRSS")
	r["rss_peak_"+when] = statusBytes("VmHWM")
}

func moduleVersion(path string) string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return "?"
}

func (c *client) throughput() {
	var callers sync.WaitGroup
	n, threads := c.s.records, int64(c.s.threads)
	for t := range threads {
		callers.Add(1)
		go func() {
			defer callers.Done()
			for i := n * t / threads; i < n*(t+1)/threads; i++ {
				c.send(i)
			}
		}()
	}
	callers.Wait()
}

// Open loop: a late tick offers what the clock owes.
func (c *client) paced(sendNs *histogram) {
	start, index := monoNs(), int64(0)
	for tick := int64(1); tick <= int64(c.s.seconds*1e9/tickNs); tick++ {
		for due := c.s.rate * tick / 1000; index < due; index++ {
			if sendNs == nil {
				c.sendTimed(index)
				continue
			}
			before := monoNs()
			c.send(index)
			sendNs.add(monoNs() - before)
		}
		sleepUntil(start + uint64(tick)*tickNs)
	}
}

// Offers without a pause until `seconds` are over or nothing was accepted for `quiet-seconds`.
func (c *client) offer() {
	start := time.Now()
	acceptedLast, full := start, c.full.Load()
	for i := int64(0); time.Since(start).Seconds() < c.s.seconds; i++ {
		c.trySend(i)
		if now := c.full.Load(); now != full {
			full = now
			time.Sleep(time.Millisecond)
			if c.s.quietSeconds > 0 && time.Since(acceptedLast).Seconds() > c.s.quietSeconds {
				return
			}
			continue
		}
		acceptedLast = time.Now()
	}
}

func (c *client) say(event report, input *bufio.Scanner) {
	if c.s.steered {
		event.print()
		input.Scan()
	}
}

// The conversation of bench/harness/modes.h.
func (c *client) hold(result report) {
	input := bufio.NewScanner(os.Stdin)
	ready := report{"event": "ready"}
	ready.addMemory("ready")
	c.say(ready, input)
	result.addMemory("before")
	before := c.delivered.Load()
	c.offer()
	time.Sleep(100 * time.Millisecond) // promises that say "full" are still on their way
	accepted := c.accepted() - c.s.warmUp
	held := report{"event": "held", "accepted": accepted, "dropped": 0}
	held["held"] = accepted - (c.delivered.Load() - before) - c.failed.Load()
	result["held"] = held["held"]
	held.addMemory("held")
	result.addMemory("held")
	c.say(held, input)
	result["drained"] = map[bool]string{true: "yes", false: "no"}[c.drain()]
	result.addMemory("drained")
	time.Sleep(time.Duration(c.s.settleSeconds * float64(time.Second)))
	result.addMemory("settled")
}

func (c *client) warmUp() {
	for i := range c.s.warmUp {
		c.send(i)
	}
	if !c.drain() || c.delivered.Load() != c.s.warmUp {
		fail(1, "the warm-up was not delivered: is "+c.s.bootstrap+" reachable and is there a topic "+c.s.topic+"?")
	}
}

func (c *client) costs(result report, startNs uint64, startCPU float64) {
	cpu, elapsed := cpuSeconds(), float64(monoNs()-startNs)*1e-9
	use, measured := processUse(), c.accepted()-c.s.warmUp
	result["rss_peak"], result["rss_end"] = statusBytes("VmHWM"), statusBytes("VmRSS")
	result["seconds"] = elapsed
	result["records_per_second"] = float64(measured) / elapsed
	result["cpu_ns_per_record"] = nsPer(cpu, c.accepted())
	result["cpu_ns_per_record_steady"] = nsPer(cpu-startCPU, measured)
	result["cpu_user_seconds"], result["cpu_system_seconds"] = seconds(use.Utime), seconds(use.Stime)
	result["switches_voluntary"], result["switches_forced"] = use.Nvcsw, use.Nivcsw
}

func (c *client) counts(result report) {
	result["accepted"], result["delivered"] = c.accepted(), c.delivered.Load()
	result["dropped"], result["refused"] = 0, 0
	result["failed"], result["full"] = c.failed.Load(), c.full.Load()
	result["unaccounted"] = c.accepted() - c.delivered.Load() - c.failed.Load()
}

func main() {
	c := newClient(settingsFromArguments())
	c.warmUp()
	result, sendNs := report{"client": "franz-go " + version()}, &histogram{}
	startNs, startCPU, startAllocations := monoNs(), cpuSeconds(), allocations()
	switch c.s.mode {
	case "throughput":
		c.throughput()
	case "send_latency":
		c.paced(sendNs)
	case "ack_latency":
		c.paced(nil)
	case "hold":
		c.hold(result)
	default:
		fail(2, "no mode "+c.s.mode)
	}
	drained := c.drain()
	c.costs(result, startNs, startCPU)
	c.counts(result)
	result["allocations_per_record"] = float64(allocations()-startAllocations) / float64(max(c.accepted()-c.s.warmUp, 1))
	if c.s.mode == "send_latency" {
		result["send_ns"] = sendNs.quantiles()
	}
	if c.s.mode == "ack_latency" {
		result["ack_ns"] = c.ackNs.quantiles()
	}
	result.print()
	if !drained || c.accepted() != c.delivered.Load() {
		os.Exit(1)
	}
}

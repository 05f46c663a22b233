package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// The words of bench/harness/settings.h, with the same meaning.
type settings struct {
	bootstrap, topic, mode, spread, whenFull, idempotent string
	records, warmUp, rate, partitions                    int64
	size, keySize, headers, headerSize, threads          int
	seconds, quietSeconds, settleSeconds                 float64
	lingerMs, memoryBytes, batchBytes, acks              int
	steered                                              bool
}

func settingsFromArguments() settings {
	var s settings
	flag.StringVar(&s.bootstrap, "bootstrap", "127.0.0.1:9092", "")
	flag.StringVar(&s.topic, "topic", "bench", "")
	flag.StringVar(&s.mode, "mode", "throughput", "throughput, send_latency, ack_latency, hold")
	flag.StringVar(&s.spread, "spread", "sticky", "sticky, round_robin")
	flag.StringVar(&s.whenFull, "when-full", "block", "block, fail-fast")
	flag.StringVar(&s.idempotent, "idempotent", "true", "true, false")
	flag.Int64Var(&s.records, "records", 1_000_000, "")
	flag.Int64Var(&s.warmUp, "warm-up", 1_000, "")
	flag.Int64Var(&s.rate, "rate", 200_000, "")
	flag.Int64Var(&s.partitions, "partitions", 1, "")
	flag.IntVar(&s.size, "size", 100, "")
	flag.IntVar(&s.keySize, "key-size", 0, "")
	flag.IntVar(&s.headers, "headers", 0, "")
	flag.IntVar(&s.headerSize, "header-size", 64, "")
	flag.IntVar(&s.threads, "threads", 1, "")
	flag.Float64Var(&s.seconds, "seconds", 10, "")
	flag.Float64Var(&s.quietSeconds, "quiet-seconds", 10, "")
	flag.Float64Var(&s.settleSeconds, "settle-seconds", 30, "")
	flag.IntVar(&s.lingerMs, "linger-ms", 5, "")
	flag.IntVar(&s.memoryBytes, "memory-bytes", 64<<20, "")
	flag.IntVar(&s.batchBytes, "batch-bytes", 1_000_000, "")
	flag.IntVar(&s.acks, "acks", -1, "")
	flag.BoolVar(&s.steered, "steered", false, "")
	flag.Parse()
	if s.threads < 1 || s.partitions < 1 || s.rate < 1000 || s.whenFull == "drop-oldest" {
		fail(2, "threads and partitions start at 1, rate at 1000, and it has no drop-oldest")
	}
	return s
}

func (s settings) linger() time.Duration { return time.Duration(s.lingerMs) * time.Millisecond }

func fail(code int, sentence string) {
	fmt.Fprintln(os.Stderr, "franz_go_bench: "+sentence)
	os.Exit(code)
}

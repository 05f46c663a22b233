package main

import "math/bits"

// The buckets of bench/harness/histogram.h: 64 per power of two, the largest value exact.
type histogram struct {
	counts [58*64 + 64]uint64
	total  uint64
	max    uint64
}

type quantiles struct {
	Count uint64 `json:"count"`
	P50   uint64 `json:"p50"`
	P99   uint64 `json:"p99"`
	P999  uint64 `json:"p999"`
	Max   uint64 `json:"max"`
}

func (h *histogram) add(value uint64) {
	bucket := value
	if value >= 64 {
		shift := uint64(bits.Len64(value) - 7)
		bucket = shift*64 + value>>shift
	}
	h.counts[bucket]++
	h.total++
	h.max = max(h.max, value)
}

func (h *histogram) quantile(q float64) uint64 {
	rank, seen := uint64(q*float64(h.total)), uint64(0)
	for bucket, count := range h.counts {
		seen += count
		if seen > rank {
			return min(upperEdge(uint64(bucket)), h.max)
		}
	}
	return h.max
}

func upperEdge(bucket uint64) uint64 {
	if bucket < 128 {
		return bucket
	}
	shift := bucket/64 - 1
	return (bucket-shift*64+1)<<shift - 1
}

func (h *histogram) quantiles() quantiles {
	return quantiles{h.total, h.quantile(0.5), h.quantile(0.99), h.quantile(0.999), h.max}
}

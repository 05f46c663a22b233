package main

import "math/rand"

const (
	blockBytes = 1 << 20
	headerName = "header-0"
)

// Slices of one random block: bench/harness/payload.h. Header values and keys are slices too.
type payload struct {
	s     settings
	block []byte
}

func newPayload(s settings) *payload {
	p := &payload{s: s, block: make([]byte, max(blockBytes, 2*s.size))}
	rand.New(rand.NewSource(20240229)).Read(p.block)
	return p
}

func (p *payload) slice(index uint64, size int) []byte {
	start := min(int(index*104&(blockBytes-1)), len(p.block)-size)
	return p.block[start : start+size : start+size]
}

func (p *payload) value(i int64) []byte { return p.slice(uint64(i), p.s.size) }

func (p *payload) key(i int64) []byte {
	if p.s.keySize == 0 {
		return nil
	}
	return p.slice(uint64(i)*31+7, p.s.keySize)
}

func (p *payload) headerValue(i int64) []byte {
	return p.slice(uint64(i)*17+3, p.s.headerSize-len(headerName))
}

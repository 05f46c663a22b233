package main

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franz-go set up for throughput as its documentation says: buffers bounded by bytes only, promises instead of
// ProduceSync, values handed over without a copy.
type client struct {
	promise                          func(*kgo.Record, error) // made once: each use of a method value allocates
	s                                settings
	payload                          *payload
	kafka                            *kgo.Client
	delivered, failed, full, offered atomic.Int64
	ackNs                            histogram // promises run one at a time
}

func newClient(s settings) *client {
	options := []kgo.Opt{
		kgo.SeedBrokers(s.bootstrap),
		kgo.DefaultProduceTopic(s.topic),
		kgo.ProducerLinger(s.linger()),
		kgo.MaxBufferedBytes(s.memoryBytes),
		kgo.MaxBufferedRecords(100_000_000),
		kgo.ProducerBatchMaxBytes(int32(s.batchBytes)),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordPartitioner(partitioner(s)),
	}
	if s.idempotent == "false" {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5))
	}
	switch s.acks {
	case 0:
		options = append(options, kgo.RequiredAcks(kgo.NoAck()))
	case 1:
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()))
	}
	kafka, err := kgo.NewClient(options...)
	if err != nil {
		fail(2, err.Error())
	}
	c := &client{s: s, payload: newPayload(s), kafka: kafka}
	c.promise = c.onDelivery
	return c
}

func partitioner(s settings) kgo.Partitioner {
	if s.spread == "round_robin" {
		return kgo.ManualPartitioner()
	}
	return kgo.StickyKeyPartitioner(nil)
}

func (c *client) record(i int64) *kgo.Record {
	record := &kgo.Record{Value: c.payload.value(i), Key: c.payload.key(i)}
	if c.s.spread == "round_robin" {
		record.Partition = int32(i % c.s.partitions)
	}
	for range c.s.headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: headerName, Value: c.payload.headerValue(i)})
	}
	return record
}

func (c *client) onDelivery(_ *kgo.Record, err error) {
	switch {
	case err == nil:
		c.delivered.Add(1)
	case errors.Is(err, kgo.ErrMaxBuffered):
		c.full.Add(1)
	default:
		c.failed.Add(1)
	}
}

// Blocks while the buffer is full.
func (c *client) send(i int64) {
	c.kafka.Produce(context.Background(), c.record(i), c.promise)
	c.offered.Add(1)
}

// Answers a full buffer through the promise, as franz-go does.
func (c *client) trySend(i int64) {
	c.kafka.TryProduce(context.Background(), c.record(i), c.promise)
	c.offered.Add(1)
}

func (c *client) sendTimed(i int64) {
	start := monoNs()
	c.kafka.Produce(context.Background(), c.record(i), func(record *kgo.Record, err error) {
		c.ackNs.add(monoNs() - start)
		c.onDelivery(record, err)
	})
	c.offered.Add(1)
}

func (c *client) accepted() int64 { return c.offered.Load() - c.full.Load() }

func (c *client) drain() bool {
	patience, cancel := context.WithTimeout(context.Background(), 120*time.Second)
	defer cancel()
	return c.kafka.Flush(patience) == nil
}

func version() string {
	return moduleVersion("github.com/twmb/franz-go")
}

func nsPer(seconds float64, records int64) float64 {
	return seconds * 1e9 / math.Max(float64(records), 1)
}

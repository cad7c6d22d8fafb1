package messaging

import (
	"hash/fnv"
	"strconv"
)

// StreamKey returns the Redis key of one partition of a stream: "orders:{0}". The braces are a Redis Cluster hash tag: all
// keys of a partition are on one node, so that a script may use them together.
func StreamKey(stream string, partition int) string {
	return stream + ":{" + strconv.Itoa(partition) + "}"
}

// SubjectHash returns a subject's 32-bit FNV-1a hash. Modulo the number of partitions it is PartitionOf, for places such as
// SQL that cannot call that.
func SubjectHash(subject string) uint32 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(subject)) // never fails
	return hash.Sum32()
}

// PartitionOf returns the partition of a subject's messages.
func PartitionOf(subject string, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	return int(SubjectHash(subject) % uint32(partitions))
}

// partitionsKey is the key of a stream's number of partitions: "orders:partitions".
func partitionsKey(stream string) string { return stream + ":partitions" }

// deadLetterKey is the key of a partition's dead letters: "orders:{0}:dlq".
func deadLetterKey(stream string, partition int) string {
	return StreamKey(stream, partition) + ":dlq"
}

package messaging

import (
	"hash/fnv"
	"strconv"
)

// StreamKey is the Redis key of one partition of a stream: "orders:{0}". The braces are a Redis Cluster hash tag: all
// keys of a partition stand on one node, so that a script may touch them together.
func StreamKey(stream string, partition int) string {
	return stream + ":{" + strconv.Itoa(partition) + "}"
}

// SubjectHash is a subject's 32-bit FNV-1a hash, for those who keep it where PartitionOf cannot be asked: modulo the number
// of partitions it is the same.
func SubjectHash(subject string) uint32 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(subject)) // never fails
	return hash.Sum32()
}

// PartitionOf is where messages of a subject travel.
func PartitionOf(subject string, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	return int(SubjectHash(subject) % uint32(partitions))
}

// partitionsKey is where a stream's number of partitions stands: "orders:partitions".
func partitionsKey(stream string) string { return stream + ":partitions" }

// deadLetterKey is where a partition's dead letters are: "orders:{0}:dlq".
func deadLetterKey(stream string, partition int) string {
	return StreamKey(stream, partition) + ":dlq"
}

package eventlog

import "github.com/IBM/sarama"

// PartitionOf is the partition that a Producer chooses for a key among so many.
func PartitionOf(key []byte, partitions int) int32 {
	p, err := sarama.NewMurmur2Partitioner("").Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}, int32(partitions))
	if err != nil {
		panic(err) // a key of bytes always hashes
	}
	return p
}

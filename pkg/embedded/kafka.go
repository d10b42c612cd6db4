package embedded

import (
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Kafka is one broker in this process.
type Kafka struct {
	// Addr is its host:port; it stays the same over Stop and Start.
	Addr string

	dataDir string
	logf    func(format string, args ...any)
	cluster *kfake.Cluster
}

// StartKafka starts a broker on a free loopback port. With a data directory it keeps topics, records and group offsets
// there over restarts; with "" it keeps them in memory until Close. Topics must be created: the broker makes none by
// itself. logf, if not nil, is told what goes wrong inside.
func StartKafka(dataDir string, logf func(format string, args ...any)) (*Kafka, error) {
	k := &Kafka{dataDir: dataDir, logf: logf}
	if err := k.Start(); err != nil {
		return nil, err
	}
	return k, nil
}

// Start starts a broker that was stopped, on the same address.
func (k *Kafka) Start() error {
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("busyhour"),
		kfake.GroupMinSessionTimeout(500 * time.Millisecond), // Kafka has 6 s
	}
	if k.dataDir != "" {
		options = append(options, kfake.DataDir(k.dataDir))
	}
	if k.logf != nil {
		options = append(options, kfake.WithLogger(kafkaLog{k.logf}))
	}
	if k.Addr != "" {
		options = append(options, kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return net.Listen(network, k.Addr)
		}))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return fmt.Errorf("start embedded Kafka (data directory %q): %w", k.dataDir, err)
	}
	k.cluster = cluster
	k.Addr = cluster.ListenAddrs()[0]
	return nil
}

// Stop stops the broker as a crash of the machine would look to its clients: connections end, the address is refused.
// Without a data directory everything in it is lost.
func (k *Kafka) Stop() {
	if k.cluster == nil {
		return
	}
	k.cluster.Close()
	k.cluster = nil
}

// Compact runs log compaction now instead of when its time has come.
func (k *Kafka) Compact() { k.cluster.Compact() }

// Close stops the broker for good.
func (k *Kafka) Close() { k.Stop() }

// kafkaLog passes on warnings and errors; kfake tells of every request on the levels below.
type kafkaLog struct {
	logf func(format string, args ...any)
}

func (l kafkaLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if level == kfake.LogLevelError || level == kfake.LogLevelWarn {
		l.logf("embedded Kafka: "+format, args...)
	}
}

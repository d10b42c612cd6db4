// Package job decides about bulk jobs: what their items are, whether they may be taken, and how an item ends. It reads
// no clock and opens nothing; a file to be imported is handed to it as a reader.
package job

// Package boot begins and ends a process: configuration, the connections that all services share, the parts that run,
// and the signals that stop them.
//
//	Main ─▶ Service: config.Load ─▶ Connect ─▶ build ─▶ RunParts: pprof, ops, the service, the edge
//	                                                     ◀── stopped in reverse: the edge first
package boot
